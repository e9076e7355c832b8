package peer

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/coder/websocket"
)

// Subprotocol is the WebSocket subprotocol, and the DCEP protocol string, of
// every version of Lipwire.
const Subprotocol = "lipwire.1"

var errSubprotocol = errors.New("the other side does not select the subprotocol lipwire.1")

// dialWebSocket connects to a receiver.
func dialWebSocket(ctx context.Context, url string, limit int) (transport, error) {
	conn, resp, err := websocket.Dial(ctx, url, &websocket.DialOptions{Subprotocols: []string{Subprotocol}})
	if resp != nil && resp.Body != nil && err != nil {
		_ = resp.Body.Close()
	}
	if err != nil {
		return nil, err
	}
	if conn.Subprotocol() != Subprotocol {
		_ = conn.CloseNow()
		return nil, errSubprotocol
	}
	return newWebSocket(conn, limit), nil
}

// acceptWebSocket takes a WebSocket from a sender, or answers with an HTTP error.
func acceptWebSocket(w http.ResponseWriter, r *http.Request) (*websocket.Conn, error) {
	if !offers(r, Subprotocol) {
		http.Error(w, errSubprotocol.Error(), http.StatusBadRequest)
		return nil, errSubprotocol
	}
	if !hostAllowed(r) {
		http.Error(w, "the host of the request is not this one", http.StatusForbidden)
		return nil, errors.New("foreign host")
	}
	// Accept compares Origin with Host, so that no web page speaks through here.
	return websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{Subprotocol}})
}

func offers(r *http.Request, name string) bool {
	for _, line := range r.Header.Values("Sec-WebSocket-Protocol") {
		if slices.ContainsFunc(strings.Split(line, ","), func(s string) bool { return strings.TrimSpace(s) == name }) {
			return true
		}
	}
	return false
}

// hostAllowed refuses requests to a loopback address under another name, as
// they come when a web page rebinds its own name.
func hostAllowed(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok || !local.IP.IsLoopback() {
		return true
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
