package peer

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// webSocket is a transport over one WebSocket.
type webSocket struct {
	conn   *websocket.Conn
	limit  int // the largest message that is taken
	in     chan frame
	short  chan struct{} // signalled when the queue has become short
	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	queue   [][]byte
	bytes   int
	closing bool
	wake    chan struct{}
}

func newWebSocket(conn *websocket.Conn, limit int) *webSocket {
	ctx, cancel := context.WithCancel(context.Background())
	t := &webSocket{
		conn: conn, in: make(chan frame, 16), short: make(chan struct{}, 1),
		ctx: ctx, cancel: cancel, wake: make(chan struct{}, 1), limit: limit,
	}
	conn.SetReadLimit(-1) // the limit is kept here, so that it can be answered with a close
	go t.read()
	go t.write()
	return t
}

func (t *webSocket) binding() binding         { return binding{} }
func (t *webSocket) frames() <-chan frame     { return t.in }
func (t *webSocket) drained() <-chan struct{} { return t.short }

func (t *webSocket) read() {
	defer close(t.in)
	for {
		f, rest := t.readOne()
		if f.end {
			return
		}
		select {
		case t.in <- f:
		case <-t.ctx.Done():
			return
		}
		if rest != nil {
			_, _ = io.Copy(io.Discard, rest)
		}
	}
}

// readOne reads a message, and of one that is too large no more than the limit:
// the rest is handed back, to be thrown away as it comes.
func (t *webSocket) readOne() (frame, io.Reader) {
	typ, r, err := t.conn.Reader(t.ctx)
	if err != nil {
		return frame{end: true}, nil
	}
	data, err := io.ReadAll(io.LimitReader(r, int64(t.limit)+1))
	if err != nil {
		return frame{end: true}, nil
	}
	if len(data) > t.limit {
		return frame{tooLarge: true}, r
	}
	return frame{data: data, text: typ == websocket.MessageText}, nil
}

func (t *webSocket) send(_ channel, b []byte) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closing || len(t.queue) >= maxQueuedMessages || t.bytes+len(b) > maxQueuedBytes {
		return false
	}
	t.queue = append(t.queue, b)
	t.bytes += len(b)
	signal(t.wake)
	return true
}

func (t *webSocket) room() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.bytes < pumpBelow
}

// next takes a message from the queue.
func (t *webSocket) next() (b []byte, short, closing bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.queue) > 0 {
		b = t.queue[0]
		t.queue[0] = nil
		t.queue = t.queue[1:]
		t.bytes -= len(b)
	}
	return b, t.bytes < pumpBelow, t.closing
}

func (t *webSocket) write() {
	for {
		b, short, closing := t.next()
		if b == nil {
			if closing {
				_ = t.conn.Close(websocket.StatusNormalClosure, "")
				t.drop()
				return
			}
			select {
			case <-t.wake:
				continue
			case <-t.ctx.Done():
				return
			}
		}
		if short {
			signal(t.short)
		}
		ctx, cancel := context.WithTimeout(t.ctx, writeTimeout)
		err := t.conn.Write(ctx, websocket.MessageBinary, b)
		cancel()
		if err != nil {
			t.drop()
			return
		}
	}
}

func (t *webSocket) finish() {
	t.mu.Lock()
	already := t.closing
	t.closing = true
	signal(t.wake)
	t.mu.Unlock()
	if already {
		return
	}
	timer := time.AfterFunc(lingerTime, t.drop)
	go func() {
		defer timer.Stop()
		discard(t.in, t.ctx.Done())
	}()
}

func (t *webSocket) drop() {
	t.mu.Lock()
	t.closing = true
	t.mu.Unlock()
	t.cancel()
	go func() { _ = t.conn.CloseNow() }() // it may wait for a Close under way
}
