package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"runtime"
	"testing"
	"time"
)

// script drives one driver as the kit would.
type script struct {
	t      *testing.T
	name   string
	in     *io.PipeWriter
	id     int
	answer chan map[string]any
	events chan map[string]any
	done   chan struct{}
}

func newScript(t *testing.T, name string) *script {
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	s := &script{t: t, name: name, in: inW, answer: make(chan map[string]any, 10),
		events: make(chan map[string]any, 10000), done: make(chan struct{})}
	var record *os.File // for a check against the schema
	if dir := os.Getenv("DRIVER_TRANSCRIPTS"); dir != "" {
		record, _ = os.OpenFile(dir+"/lines.jsonl", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	}
	go func() {
		if err := serve(inR, outW); err != nil {
			t.Error(err)
		}
		_ = outW.Close()
	}()
	go func() {
		defer close(s.done)
		lines := bufio.NewScanner(outR)
		lines.Buffer(nil, maxLine)
		for lines.Scan() {
			if record != nil {
				_, _ = fmt.Fprintf(record, "%s\n", lines.Bytes())
			}
			var m map[string]any
			if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
				t.Error(err)
			}
			if m["event"] != nil {
				s.events <- m
			} else {
				s.answer <- m
			}
		}
	}()
	t.Cleanup(func() {
		_ = inW.Close()
		select {
		case <-s.done:
		case <-time.After(5 * time.Second):
			t.Error(name + " does not end with its input")
		}
	})
	s.ok("hello", "protocol", 1)
	return s
}

func (s *script) do(command string, args ...any) map[string]any {
	s.t.Helper()
	s.id++
	line := map[string]any{"id": s.id, "do": command}
	for i := 0; i < len(args); i += 2 {
		line[args[i].(string)] = args[i+1]
	}
	b, _ := json.Marshal(line)
	if _, err := s.in.Write(append(b, '\n')); err != nil {
		s.t.Fatal(err)
	}
	select {
	case a := <-s.answer:
		if a["id"] != float64(s.id) {
			s.t.Fatalf("%s: answer %v to %d", s.name, a, s.id)
		}
		return a
	case <-time.After(5 * time.Second):
		s.t.Fatalf("%s: no answer to %s", s.name, b)
		return nil
	}
}

func (s *script) ok(command string, args ...any) map[string]any {
	s.t.Helper()
	a := s.do(command, args...)
	ok, is := a["ok"].(map[string]any)
	if !is {
		s.t.Fatalf("%s: %s: %v", s.name, command, a)
	}
	return ok
}

// event waits for an event of this name, going past others, and holds the
// fields given against it.
func (s *script) event(name string, fields ...any) map[string]any {
	s.t.Helper()
	limit := time.After(8 * time.Second)
	for {
		select {
		case e := <-s.events:
			if e["event"] != name {
				continue
			}
			for i := 0; i < len(fields); i += 2 {
				want := fields[i+1]
				if n, is := want.(int); is {
					want = float64(n)
				}
				if got := e[fields[i].(string)]; !reflect.DeepEqual(got, want) {
					s.t.Fatalf("%s: %v: %s is not %v", s.name, e, fields[i], want)
				}
			}
			return e
		case <-limit:
			s.t.Fatalf("%s: no event %s", s.name, name)
			return nil
		}
	}
}

// quiet checks that no event of a name is told for a while.
func (s *script) quiet(name string, d time.Duration) {
	s.t.Helper()
	limit := time.After(d)
	for {
		select {
		case e := <-s.events:
			if e["event"] == name {
				s.t.Fatalf("%s: told too soon: %v", s.name, e)
			}
		case <-limit:
			return
		}
	}
}

// drain forgets the events so far.
func (s *script) drain() {
	s.ok("fence")
	for len(s.events) > 0 {
		<-s.events
	}
}

type object = map[string]any

func pair(t *testing.T, receiving, sending object) (r, s *script) {
	t.Helper()
	r, s = newScript(t, "receiver"), newScript(t, "sender")
	url := r.ok("start", "role", "receiver", "transport", "websocket", "version", 1,
		"needs", []string{"receiver"}, "options", receiving)["url"]
	s.ok("start", "role", "sender", "transport", "websocket", "version", 1,
		"needs", []string{"sender"}, "options", sending, "url", url)
	return r, s
}

func tone(n int, seed byte) []byte {
	b := make([]byte, 2*n)
	for i := range b {
		b[i] = byte(i)*7 + seed
	}
	return b
}

func write(s *script, segment int, pcm []byte) {
	s.t.Helper()
	s.ok("write", "segment", segment, "pcm", base64.StdEncoding.EncodeToString(pcm))
}

// collect checks that a segment is handed out whole; it compares the pieces
// with those of the samples that were written.
func collect(r *script, segment int, pcm []byte) {
	r.t.Helper()
	for at := 0; at < len(pcm)/2; {
		e := r.event("audio", "segment", segment, "position", at, "concealed", false)
		n := int(e["samples"].(float64))
		sum := sha256.Sum256(pcm[2*at : 2*(at+n)])
		if e["sha256"] != hex.EncodeToString(sum[:]) {
			r.t.Fatalf("other samples at %d", at)
		}
		at += n
	}
	r.event("segment_end", "segment", segment, "total", len(pcm)/2)
}

// pairWebRTC connects the two as the kit does: offer, answer.
func pairWebRTC(t *testing.T) (r, s *script) {
	t.Helper()
	r, s = newScript(t, "receiver"), newScript(t, "sender")
	r.ok("start", "role", "receiver", "transport", "webrtc", "version", 1, "needs", []string{"webrtc"}, "options", object{})
	s.ok("start", "role", "sender", "transport", "webrtc", "version", 1, "needs", []string{"webrtc"}, "options", object{})
	answer := r.ok("offer", "offer", s.event("offer")["offer"])["answer"]
	s.ok("answer", "answer", answer)
	return r, s
}

func TestPlayed(t *testing.T) {
	for _, features := range [][]string{{}, {"repair"}} {
		playThree(t, func() (r, s *script) { return pair(t, object{"features": features}, object{}) })
	}
	playThree(t, func() (r, s *script) { return pairWebRTC(t) })
}

// playThree has three segments played to their ends.
func playThree(t *testing.T, connect func() (r, s *script)) {
	t.Helper()
	r, s := connect()
	s.event("opened", "resumed", false)
	r.event("session", "session", 1)
	for n := 1; n <= 3; n++ {
		s.ok("open", "metadata", object{"text": "Hi", "n": 1, "x": 1.5, "list": []int{1, 2}})
		pcm := tone(20000*n, byte(n))
		write(s, n, pcm)
		s.ok("end", "segment", n)
		r.event("segment_start", "segment", n, "metadata",
			object{"text": "Hi", "n": 1.0, "x": 1.5, "list": []any{1.0, 2.0}})
		collect(r, n, pcm)
		r.ok("stream_started", "segment", n)
		s.event("stream_started", "segment", n)
		r.ok("played", "segment", n, "position", 1000)
		r.ok("stream_ended", "segments", []int{n}, "position", 20000*n, "interrupted", false, "failed", false)
		s.event("stream_ended", "segment", n, "position", 20000*n, "exact", true, "interrupted", false, "cause", "played")
	}
	s.ok("close")
	s.event("closed", "code", 0, "by", "here")
	r.event("closed", "code", 0, "by", "peer")
	r.ok("stop")
	s.ok("stop")
}

func TestEmptySegmentAndLong(t *testing.T) {
	r, s := pair(t, object{"limits": object{"window": 2400}}, object{})
	s.ok("open", "metadata", nil)
	s.ok("end", "segment", 1)
	s.ok("open", "metadata", nil)
	pcm := tone(300000, 3)
	write(s, 2, pcm)
	s.ok("end", "segment", 2)
	r.event("segment_start", "segment", 1, "metadata", object{})
	r.event("segment_end", "segment", 1, "total", 0)
	collect(r, 2, pcm)
}

func TestInterrupt(t *testing.T) {
	r, s := pair(t, object{"limits": object{"cooldown": 5000}}, object{})
	s.ok("open", "metadata", nil)
	write(s, 1, tone(30000, 1))
	r.event("audio", "segment", 1)
	r.ok("played", "segment", 1, "position", 120)
	s.ok("interrupt", "segment", nil)
	s.ok("open", "metadata", nil)
	next := tone(5000, 2)
	write(s, 2, next)
	s.ok("end", "segment", 2)
	r.event("interrupted", "segments", []any{1.0})
	r.quiet("segment_start", 200*time.Millisecond)
	r.ok("stream_ended", "segments", []int{1}, "position", 240, "interrupted", true, "failed", false)
	s.event("stream_ended", "segment", 1, "position", 240, "exact", true, "interrupted", true, "cause", "interrupted")
	r.event("segment_start", "segment", 2)
	collect(r, 2, next)
	if a := s.do("write", "segment", 1, "pcm", ""); a["refused"] == nil {
		t.Error(a)
	}
}

func TestInterruptOneBehindAnother(t *testing.T) {
	r, s := pair(t, object{"reading": false}, object{})
	for n := 1; n <= 3; n++ {
		s.ok("open", "metadata", nil)
		write(s, n, tone(1000, byte(n)))
		s.ok("end", "segment", n)
	}
	s.event("opened")
	time.Sleep(50 * time.Millisecond)
	s.ok("interrupt", "segment", 2)
	time.Sleep(50 * time.Millisecond)
	r.ok("release")
	collect(r, 1, tone(1000, 1))
	r.event("segment_start", "segment", 3)
	collect(r, 3, tone(1000, 3))
	r.ok("stream_ended", "segments", []int{1}, "position", 1000, "interrupted", false, "failed", false)
	s.event("stream_ended", "segment", 1, "cause", "played")
	s.event("stream_ended", "segment", 2, "position", 0, "exact", true, "interrupted", true)
}

func TestInterruptBeforeStart(t *testing.T) {
	s := newScript(t, "sender")
	s.ok("start", "role", "sender", "transport", "websocket", "version", 1, "needs", []string{},
		"options", object{}, "url", "ws://127.0.0.1:1/")
	s.ok("open", "metadata", nil)
	s.ok("interrupt", "segment", nil)
	s.event("stream_ended", "segment", 1, "position", 0, "exact", true, "interrupted", true)
	s.ok("open", "metadata", nil)
	s.ok("close")
	s.event("stream_ended", "segment", 2, "position", 0, "exact", true)
	s.event("closed", "code", 0, "by", "here")
}

func TestNoReport(t *testing.T) {
	r, s := pair(t, object{"limits": object{"cooldown": 0}}, object{"limits": object{"grace": 200}})
	s.ok("open", "metadata", nil)
	write(s, 1, tone(2400, 1))
	s.ok("end", "segment", 1)
	s.event("stream_ended", "segment", 1, "position", 0, "exact", false, "interrupted", true, "cause", "no report")
	r.event("interrupted", "segments", []any{1.0})
}

func TestFailedEarly(t *testing.T) {
	r, s := pair(t, object{}, object{})
	s.ok("open", "metadata", nil)
	write(s, 1, tone(2400, 1))
	r.event("audio", "segment", 1)
	r.ok("stream_ended", "segments", []int{1}, "position", nil, "interrupted", false, "failed", true)
	s.event("stream_ended", "segment", 1, "position", nil, "exact", false, "interrupted", false, "cause", "failed")
	r.drain()
	s.ok("open", "metadata", nil)
	write(s, 2, tone(100, 2))
	s.ok("end", "segment", 2)
	collect(r, 2, tone(100, 2))
}

func TestRefusals(t *testing.T) {
	_, s := pair(t, object{"token": "secret"}, object{"token": "wrong"})
	s.event("closed", "code", 36, "by", "peer")
	_, s = pair(t, object{"formats": []any{[]any{"s16le", 16000, 1}}}, object{})
	s.event("closed", "code", 34, "by", "peer")
	_, s = pair(t, object{"token": "secret"}, object{"token": "secret"})
	s.event("opened")
	if a := s.do("start", "role", "sender", "transport", "websocket", "version", 1,
		"needs", []string{"x-made-up"}, "options", object{}); a["unsupported"] != "x-made-up" {
		t.Error(a)
	}
	if a := s.do("pause"); a["unsupported"] == nil {
		t.Error(a)
	}
}

func TestDrop(t *testing.T) {
	r, s := pair(t, object{"sessions": 1}, object{})
	s.event("opened")
	s.ok("drop")
	s.event("closed", "code", 52, "by", "transport")
	r.event("closed", "session", 1, "code", 52, "by", "transport")
}

func TestSecondFormat(t *testing.T) {
	r, s := pair(t, object{"formats": []any{[]any{"s16le", 48000, 1}}},
		object{"formats": []any{[]any{"s16le", 24000, 1}, []any{"s16le", 48000, 1}}})
	s.ok("open", "metadata", nil)
	write(s, 1, tone(2400, 1))
	s.ok("end", "segment", 1)
	s.event("opened", "format", []any{"s16le", 48000.0, 1.0})
	if n := r.event("segment_end")["total"].(float64); n < 4790 || n > 4800 {
		t.Error(n)
	}
}

// No goroutine outlives the endpoints.
func TestNoLeaks(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 10 {
		r, s := pair(t, object{}, object{})
		s.event("opened")
		s.ok("open", "metadata", nil)
		write(s, 1, tone(100000, 1))
		r.event("audio")
		s.ok("stop")
		r.ok("stop")
		_ = s.in.Close()
		_ = r.in.Close()
		<-s.done
		<-r.done
	}
	for limit := time.Now().Add(8 * time.Second); runtime.NumGoroutine() > before+2; {
		if time.Now().After(limit) {
			buf := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
		time.Sleep(20 * time.Millisecond)
	}
}
