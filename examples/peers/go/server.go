package peer

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"lipwire.example/peer/wire"
)

// maxWaiting is how many connections may be about to open at a time.
const maxWaiting = 64

// Server takes the connections of senders and makes each a session.
type Server struct {
	cfg    ReceiverConfig
	http   *http.Server
	addr   net.Addr
	ctx    context.Context // ends with the server
	cancel context.CancelFunc

	mu       sync.Mutex
	sessions map[*Receiver]bool // true once it is admitted
	offers   int                // taken, their channels not open yet
	closed   bool
	wg       sync.WaitGroup
}

var errFull = errors.New("too many connections")

// NewServer makes a server that listens to nothing: it takes offers (Answer).
func NewServer(cfg ReceiverConfig) (*Server, error) {
	for _, f := range cfg.Formats {
		if f.FrameSize() == 0 {
			return nil, errors.New("only s16le, mono, 8,000 to 48,000 Hz")
		}
	}
	if cfg.Opened == nil {
		return nil, errors.New("the configuration has no Opened")
	}
	if cfg.Sessions == 0 {
		cfg.Sessions = 64
	}
	if err := defaultTimes(&cfg.Handshake, &cfg.Grace); err != nil {
		return nil, err
	}
	if err := checkFree(cfg.Info); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{cfg: cfg, ctx: ctx, cancel: cancel, sessions: map[*Receiver]bool{}}
	if bad := s.limits(s.rate()).Check(s.rate()); bad != "" {
		cancel()
		return nil, errors.New("the limit " + bad + " is out of range")
	}
	return s, nil
}

// supports says whether sessions of a format are taken.
func (c *ReceiverConfig) supports(f wire.Format) bool {
	return f.FrameSize() > 0 && (len(c.Formats) == 0 || slices.Contains(c.Formats, f))
}

// wanted lists formats that would do.
func (c *ReceiverConfig) wanted() []wire.Format {
	if len(c.Formats) > 0 {
		return c.Formats
	}
	out := []wire.Format{}
	for _, rate := range []uint64{24000, 48000, 44100, 16000, 8000} {
		out = append(out, wire.Format{Encoding: "s16le", Rate: rate, Channels: 1})
	}
	return out
}

// Listen makes a server that accepts WebSockets on an address such as
// 127.0.0.1:0. It takes offers as well.
func Listen(address string, cfg ReceiverConfig) (*Server, error) {
	s, err := NewServer(cfg)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		s.cancel()
		return nil, err
	}
	s.addr = l.Addr()
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 10 * time.Second}
	s.wg.Go(func() { _ = s.http.Serve(l) })
	return s, nil
}

// defaultTimes fills in and checks the two timers that are not negotiated.
func defaultTimes(handshake, grace *time.Duration) error {
	if *handshake == 0 {
		*handshake = 10 * time.Second
	}
	if *grace == 0 {
		*grace = 5 * time.Second
	}
	if *handshake < time.Second || *handshake > time.Minute {
		return errors.New("the handshake time is out of range")
	}
	if *grace < 100*time.Millisecond || *grace > 10*time.Minute {
		return errors.New("the grace is out of range")
	}
	return nil
}

// rate is the one that the window is configured in.
func (s *Server) rate() uint64 { return s.cfg.wanted()[0].Rate }

// limits are those to announce at a rate.
func (s *Server) limits(rate uint64) wire.Limits {
	l := wire.DefaultLimits(s.rate())
	for name, p := range map[string]*uint64{
		"window": &l.Window, "message": &l.Message, "cooldown": &l.Cooldown,
		"keepalive": &l.Keepalive, "segments": &l.Segments,
	} {
		if v, ok := s.cfg.Limits[name]; ok {
			*p = v
		}
	}
	if own := s.rate(); rate != own {
		l.Window = wire.FitWindow(l.Window*rate/own, rate)
	}
	return l
}

// URL is where senders connect; empty for a server that listens to nothing.
func (s *Server) URL() string {
	if s.addr == nil {
		return ""
	}
	return "ws://" + s.addr.String() + "/"
}

// largestMessage is the largest message that a transport takes: a hello, and a
// repeat of it, may be larger than what is announced (LW-WIRE-8).
func (s *Server) largestMessage() int {
	return int(max(s.limits(s.rate()).Message, wire.DefaultMessage))
}

func (s *Server) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed || len(s.sessions)+s.offers >= s.cfg.Sessions+maxWaiting
}

// ServeHTTP takes one WebSocket.
func (s *Server) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if s.full() {
		http.Error(w, errFull.Error(), http.StatusServiceUnavailable)
		return
	}
	if conn, err := acceptWebSocket(w, req); err == nil {
		s.begin(newWebSocket(conn, s.largestMessage()))
	}
}

// Answer takes the offer (SDP) of a sender and returns the answer, with all
// candidates in it. The session begins when the channels are open.
func (s *Server) Answer(ctx context.Context, offer string) (string, error) {
	if s.full() {
		return "", errFull
	}
	tr, answer, err := answerWebRTC(ctx, offer, s.largestMessage())
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		tr.drop()
		return "", ErrClosed
	}
	s.offers++
	s.wg.Go(func() {
		ctx, cancel := context.WithTimeout(s.ctx, s.cfg.Handshake)
		defer cancel()
		err := tr.wait(ctx)
		s.mu.Lock()
		s.offers--
		s.mu.Unlock()
		if err != nil {
			tr.drop()
			return
		}
		s.begin(tr)
	})
	return answer, nil
}

// begin makes a transport a session.
func (s *Server) begin(tr transport) {
	r := newReceiver(s, tr)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		tr.drop()
		return
	}
	s.sessions[r] = false
	s.wg.Go(r.run)
}

// admit gives a session a place, if there is one.
func (s *Server) admit(r *Receiver) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, admitted := range s.sessions {
		if admitted {
			n++
		}
	}
	if n >= s.cfg.Sessions {
		return false
	}
	s.sessions[r] = true
	return true
}

func (s *Server) gone(r *Receiver) {
	s.mu.Lock()
	delete(s.sessions, r)
	s.mu.Unlock()
}

// Close ends every session and the server, and waits for them.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	var all []*Receiver
	for r := range s.sessions {
		all = append(all, r)
	}
	s.mu.Unlock()
	s.cancel()
	for _, r := range all {
		_ = r.Close(wire.GoingAway, "the receiver stops")
	}
	if s.http != nil {
		_ = s.http.Close()
	}
	s.wg.Wait()
}
