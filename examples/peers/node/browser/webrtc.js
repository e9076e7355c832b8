// The WebRTC binding (SPEC.md §5.1) for browsers: makes the offer, over HTTP in the manner of WHIP. Either role.

const PROTOCOL = 'lipwire.1';

/** Resolves when a channel has opened, rejects when it or the connection fails before. */
const opening = (connection, channel) => new Promise((resolve, reject) => {
  channel.onopen = resolve;
  channel.onclose = () => reject(new Error(`${channel.label} did not open`));
  connection.addEventListener('connectionstatechange', () => {
    if (connection.connectionState === 'failed') reject(new Error('the peer connection failed'));
  });
});

/** All candidates are in the offer: it is posted once. */
const gathered = (connection) => new Promise((resolve) => {
  const check = () => { if (connection.iceGatheringState === 'complete') resolve(); };
  connection.addEventListener('icegatheringstatechange', check);
  check();
});

async function exchange(connection, url, token) {
  await connection.setLocalDescription(await connection.createOffer());
  await gathered(connection);
  const headers = { 'Content-Type': 'application/sdp', ...(token && { Authorization: `Bearer ${token}` }) };
  const response = await fetch(url, { method: 'POST', headers, body: connection.localDescription.sdp });
  if (response.status !== 201) throw new Error(`HTTP ${response.status}: ${(await response.text()).trim()}`);
  await connection.setRemoteDescription({ type: 'answer', sdp: await response.text() });
}

/**
 * Connects and returns the peer that makePeer(transport) made, once both channels are open (LW-WEBRTC-3). `connection`
 * may be one of your own, which carries other things as well; it is closed with the session all the same.
 */
export async function connect(url, makePeer, { token = null, connection = new RTCPeerConnection() } = {}) {
  const channels = { // LW-WEBRTC-1
    control: connection.createDataChannel('lipwire.control', { protocol: PROTOCOL }),
    media: connection.createDataChannel('lipwire.media', { protocol: PROTOCOL, ordered: false, maxRetransmits: 0 }),
  };
  const both = Object.values(channels);
  try {
    const open = Promise.all(both.map((channel) => opening(connection, channel)));
    open.catch(() => {}); // it is awaited later
    await exchange(connection, url, token);
    await open;
  } catch (error) {
    connection.close();
    throw error;
  }
  const peer = makePeer({
    twoChannels: true,
    mediaLossy: true,
    send: (name, bytes) => { if (channels[name].readyState === 'open') channels[name].send(bytes); },
    close: () => { for (const channel of both) channel.close(); }, // what was sent goes out first (LW-CLOSE-1)
  });
  const gone = () => { // LW-WEBRTC-4
    peer.transportClosed();
    if (both.every((channel) => channel.readyState === 'closed')) connection.close();
  };
  for (const channel of both) {
    channel.binaryType = 'arraybuffer';
    channel.onmessage = ({ data }) => peer.receive(typeof data === 'string' ? data : new Uint8Array(data));
    channel.onclose = gone;
  }
  connection.onconnectionstatechange = () => { if (['failed', 'closed'].includes(connection.connectionState)) gone(); };
  peer.start();
  return peer;
}
