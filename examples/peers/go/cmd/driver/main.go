// Command driver lets the conformance kit drive this implementation: it speaks
// the driver protocol, version 1, on standard input and output.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"slices"
	"sync"

	"lipwire.example/peer"
)

const maxLine = 1 << 20

var capabilities = []string{
	"sender", "receiver", "websocket", "webrtc", "repair", "rates", "token", "sessions", "hold", "reset", "drop", "finish",
	"interrupt_one", "limit.window", "limit.message", "limit.cooldown", "limit.keepalive", "limit.segments",
	"limit.handshake", "limit.grace", "limit.repair_timeout",
}

// unsupported is what the driver can not do.
type unsupported string

func (u unsupported) Error() string { return string(u) }

// fault is a fault of the driver or of the one who drives it.
type fault string

func (f fault) Error() string { return string(f) }

// endpoint is what a start has begun.
type endpoint interface {
	// command answers a command of the role.
	command(c *command) (map[string]any, error)
	stop()
}

type driver struct {
	out      sync.Mutex
	w        *bufio.Writer
	endpoint endpoint
}

func main() {
	if err := serve(os.Stdin, os.Stdout); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
}

// serve takes commands until the input ends.
func serve(in io.Reader, out io.Writer) error {
	d := &driver{w: bufio.NewWriter(out)}
	defer func() {
		if d.endpoint != nil {
			d.endpoint.stop()
		}
	}()
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), maxLine+1)
	for lines.Scan() {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		c, err := parseCommand(lines.Bytes())
		if err != nil {
			return err // no id to answer to
		}
		d.answer(c)
	}
	return lines.Err()
}

func (d *driver) answer(c *command) {
	ok, err := d.do(c)
	line := map[string]any{"id": c.ID}
	var u unsupported
	var f fault
	switch {
	case err == nil && ok == nil:
		line["ok"] = struct{}{}
	case err == nil:
		line["ok"] = ok
	case errors.As(err, &u):
		line["unsupported"] = string(u)
	case errors.As(err, &f):
		line["error"] = string(f)
	default:
		line["refused"] = err.Error()
	}
	d.print(line)
}

// print writes a line; events and answers come from several goroutines.
func (d *driver) print(line map[string]any) {
	b, err := json.Marshal(line)
	if err != nil {
		b, _ = json.Marshal(map[string]any{"event": "error", "text": err.Error()})
	}
	d.out.Lock()
	defer d.out.Unlock()
	_, _ = d.w.Write(append(b, '\n'))
	_ = d.w.Flush()
}

func (d *driver) do(c *command) (map[string]any, error) {
	switch c.Do {
	case "hello":
		if c.Protocol != 1 {
			return nil, unsupported("protocol")
		}
		return map[string]any{
			"protocol": 1, "name": "lipwire-go", "version": peer.Version, "language": "Go", "capabilities": capabilities,
		}, nil
	case "start":
		return d.start(c)
	case "stop":
		if d.endpoint != nil {
			d.endpoint.stop()
			d.endpoint = nil
		}
		return nil, nil
	}
	if !slices.Contains(commands, c.Do) {
		return nil, unsupported(c.Do)
	}
	if d.endpoint == nil {
		return nil, fault("there is no endpoint")
	}
	return d.endpoint.command(c)
}

func (d *driver) start(c *command) (map[string]any, error) {
	for _, need := range c.Needs {
		if !slices.Contains(capabilities, need) {
			return nil, unsupported(need)
		}
	}
	switch {
	case d.endpoint != nil:
		return nil, fault("there is an endpoint already")
	case c.Transport != "websocket" && c.Transport != "webrtc":
		return nil, unsupported(c.Transport)
	case c.Version != 1:
		return nil, unsupported("version0")
	case c.unknownOption != "":
		return nil, unsupported(c.unknownOption)
	}
	for _, f := range c.Options.Features {
		if f != peer.FeatureRepair {
			return nil, unsupported(f)
		}
	}
	switch c.Role {
	case "receiver":
		e, err := startReceiver(d, c.Transport, &c.Options)
		if err != nil {
			return nil, err
		}
		d.endpoint = e
		if url := e.server.URL(); url != "" {
			return map[string]any{"url": url}, nil
		}
		return nil, nil
	case "sender":
		e, err := startSender(d, c.Transport, c.URL, &c.Options)
		if err != nil {
			return nil, err
		}
		d.endpoint = e
		return nil, nil
	}
	return nil, unsupported(c.Role)
}
