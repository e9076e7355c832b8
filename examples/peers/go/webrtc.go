package peer

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"
)

// The data channels of the WebRTC binding (section 5.1).
const (
	controlLabel = "lipwire.control"
	mediaLabel   = "lipwire.media"

	rtcMediaMessage = 1150
	rtcMessage      = 2 << 20 // the channel's own limit, above every message limit
	rtcReceive      = 4 << 20
	rtcPoll         = 5 * time.Millisecond
	rtcStragglers   = 250 * time.Millisecond
	rtcLeave        = 250 * time.Millisecond
)

var errChannels = errors.New("the two data channels did not open")

// dataChannels is a transport over the two data channels of a peer connection.
type dataChannels struct {
	pc     *webrtc.PeerConnection
	limit  int        // the largest message that is taken
	in     chan frame // from the channels' readers
	out    chan frame // the same, closed at the end
	short  chan struct{}
	opened chan struct{} // closed when both channels are open
	ended  chan struct{} // closed when either channel, or the connection, is
	shut   chan struct{} // closed when both channels are
	gone   chan struct{} // closed when the connection is
	ctx    context.Context
	cancel context.CancelFunc

	mu       sync.Mutex
	channels [2]*webrtc.DataChannel
	open     [2]bool
	isOpen   bool
	isEnded  bool
	isShut   bool
	closing  bool
}

func newDataChannels(limit int) (*dataChannels, error) {
	var e webrtc.SettingEngine
	e.SetIncludeLoopbackCandidate(true)
	e.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	e.SetSCTPMaxMessageSize(rtcMessage)
	e.SetSCTPMaxReceiveBufferSize(rtcReceive)
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(e)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	t := &dataChannels{
		pc: pc, in: make(chan frame), out: make(chan frame, 16), short: make(chan struct{}, 1),
		opened: make(chan struct{}), ended: make(chan struct{}), shut: make(chan struct{}), gone: make(chan struct{}), ctx: ctx, cancel: cancel, limit: limit,
	}
	var once sync.Once
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateFailed || s == webrtc.PeerConnectionStateClosed {
			once.Do(func() { close(t.gone) })
			t.end()
		}
	})
	go t.pass()
	return t, nil
}

// take makes a data channel the transport's, by its label; others are ignored.
func (t *dataChannels) take(dc *webrtc.DataChannel) {
	var ch channel
	switch dc.Label() {
	case controlLabel:
		ch = control
	case mediaLabel:
		ch = media
	default:
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.channels[ch] != nil {
		return
	}
	t.channels[ch] = dc
	dc.OnMessage(t.received)
	dc.OnClose(func() { t.channelClosed(ch) })
	dc.OnOpen(func() { t.channelOpen(ch) })
	if ch == media {
		dc.SetBufferedAmountLowThreshold(pumpBelow / 2)
		dc.OnBufferedAmountLow(func() { signal(t.short) })
	}
}

func (t *dataChannels) channelOpen(ch channel) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open[ch] = true
	if t.open[control] && t.open[media] && !t.isOpen {
		t.isOpen = true
		close(t.opened)
	}
}

func (t *dataChannels) channelClosed(ch channel) {
	t.end()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open[ch] = false
	if t.isOpen && !t.open[control] && !t.open[media] && !t.isShut {
		t.isShut = true
		close(t.shut)
	}
}

func (t *dataChannels) received(m webrtc.DataChannelMessage) {
	f := frame{data: m.Data, text: m.IsString}
	if len(m.Data) > t.limit {
		f = frame{tooLarge: true}
	}
	select {
	case t.in <- f:
	case <-t.ctx.Done():
	}
}

// pass hands on what the channels' readers bring, and closes what it hands on
// to at the end. When one channel has ended, the other has a moment for what
// it still holds.
func (t *dataChannels) pass() {
	defer close(t.out)
	ended := t.ended
	var last <-chan time.Time
	for {
		select {
		case f := <-t.in:
			select {
			case t.out <- f:
			case <-t.ctx.Done():
				return
			}
		case <-ended:
			ended = nil
			last = time.After(rtcStragglers)
		case <-last:
			return
		case <-t.ctx.Done():
			return
		}
	}
}

func (t *dataChannels) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.isEnded {
		t.isEnded = true
		close(t.ended)
	}
}

func (t *dataChannels) binding() binding         { return binding{split: true, largestMedia: rtcMediaMessage} }
func (t *dataChannels) frames() <-chan frame     { return t.out }
func (t *dataChannels) drained() <-chan struct{} { return t.short }

func (t *dataChannels) send(ch channel, b []byte) bool {
	t.mu.Lock()
	dc, closing := t.channels[ch], t.closing
	t.mu.Unlock()
	if closing || dc.BufferedAmount()+uint64(len(b)) > maxQueuedBytes {
		return false
	}
	return dc.Send(b) == nil
}

func (t *dataChannels) room() bool {
	t.mu.Lock()
	dc := t.channels[media]
	t.mu.Unlock()
	return dc.BufferedAmount() < pumpBelow
}

func (t *dataChannels) finish() {
	t.mu.Lock()
	already := t.closing
	t.closing = true
	t.mu.Unlock()
	if already {
		return
	}
	go discard(t.out, t.ctx.Done())
	go func() {
		defer t.drop()
		t.flush()
		for _, dc := range t.channels {
			_ = dc.Close()
		}
		select { // the other side closes them as well
		case <-t.shut:
		case <-t.gone:
		case <-time.After(lingerTime):
		}
		select { // what it is still to hear of that may be on its way
		case <-t.gone:
		case <-time.After(rtcLeave):
		}
	}()
}

// flush waits until what was sent on control has arrived.
func (t *dataChannels) flush() {
	poll := time.NewTicker(rtcPoll)
	defer poll.Stop()
	linger := time.After(lingerTime)
	for t.channels[control].BufferedAmount() > 0 {
		select {
		case <-poll.C:
		case <-t.ended:
			return
		case <-linger:
			return
		}
	}
}

func (t *dataChannels) drop() {
	t.mu.Lock()
	t.closing = true
	t.mu.Unlock()
	t.cancel()
	go func() { _ = t.pc.Close() }()
}

// describe makes a description the local one, and gives it with all candidates.
func (t *dataChannels) describe(ctx context.Context, d webrtc.SessionDescription) (string, error) {
	gathered := webrtc.GatheringCompletePromise(t.pc)
	if err := t.pc.SetLocalDescription(d); err != nil {
		return "", err
	}
	select {
	case <-gathered:
		return t.pc.LocalDescription().SDP, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// wait returns when both channels are open.
func (t *dataChannels) wait(ctx context.Context) error {
	select {
	case <-t.opened:
		return nil
	case <-t.ended:
		return errChannels
	case <-ctx.Done():
		return errChannels
	}
}

// dialWebRTC makes an offer, has it answered, and waits for the channels.
func dialWebRTC(ctx context.Context, exchange Exchange, limit int) (transport, error) {
	t, err := newDataChannels(limit)
	if err != nil {
		return nil, err
	}
	if err := t.offer(ctx, exchange); err != nil {
		t.drop()
		return nil, err
	}
	return t, nil
}

func (t *dataChannels) offer(ctx context.Context, exchange Exchange) error {
	protocol, no, none := Subprotocol, false, uint16(0)
	c, err := t.pc.CreateDataChannel(controlLabel, &webrtc.DataChannelInit{Protocol: &protocol})
	if err != nil {
		return err
	}
	t.take(c)
	m, err := t.pc.CreateDataChannel(mediaLabel,
		&webrtc.DataChannelInit{Protocol: &protocol, Ordered: &no, MaxRetransmits: &none})
	if err != nil {
		return err
	}
	t.take(m)
	d, err := t.pc.CreateOffer(nil)
	if err != nil {
		return err
	}
	offer, err := t.describe(ctx, d)
	if err != nil {
		return err
	}
	answer, err := exchange(ctx, offer)
	if err != nil {
		return err
	}
	if err := t.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		return err
	}
	return t.wait(ctx)
}

// answerWebRTC takes an offer; its channels are still to open.
func answerWebRTC(ctx context.Context, offer string, limit int) (*dataChannels, string, error) {
	t, err := newDataChannels(limit)
	if err != nil {
		return nil, "", err
	}
	answer, err := t.answer(ctx, offer)
	if err != nil {
		t.drop()
		return nil, "", err
	}
	return t, answer, nil
}

func (t *dataChannels) answer(ctx context.Context, offer string) (string, error) {
	t.pc.OnDataChannel(t.take)
	if err := t.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", err
	}
	d, err := t.pc.CreateAnswer(nil)
	if err != nil {
		return "", err
	}
	return t.describe(ctx, d)
}
