// The WebSocket binding (section 5.2) with the package ws: either role connects, either role listens.

import { WebSocket, WebSocketServer } from 'ws';

const SUBPROTOCOL = 'lipwire.1';
// Above the cap of the `message` limit, so that Lipwire's own close (message_too_large) is what a peer hears.
const SETTINGS = { perMessageDeflate: false, maxPayload: 2 * 1048576 }; // LW-WEBSOCKET-2

function attach(ws, makePeer, ...more) {
  const peer = makePeer({
    twoChannels: false,
    mediaLossy: false,
    send: (channel, bytes) => { if (ws.readyState === WebSocket.OPEN) ws.send(bytes); },
    close: () => ws.close(1000), // LW-WEBSOCKET-3
    drop: () => ws.terminate(),
  }, ...more);
  ws.on('message', (data, isBinary) => peer.receive(isBinary ? new Uint8Array(data.buffer, data.byteOffset, data.length) : data.toString()));
  ws.on('close', () => peer.transportClosed());
  ws.on('error', () => {}); // 'close' follows
  if (ws.readyState === WebSocket.OPEN) peer.start();
  else ws.on('open', () => peer.start());
  return peer;
}

/** Connects; makePeer(transport) makes the peer at once, which is returned when the WebSocket is open. */
export function connect(url, makePeer) {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(url, SUBPROTOCOL, SETTINGS); // LW-WEBSOCKET-1: ws fails when it is not selected
    const peer = attach(ws, makePeer);
    ws.once('error', reject);
    ws.once('open', () => resolve(peer));
  });
}

/** Section 20, Browsers: on loopback, a page of another origin must not speak through this server. */
function trusted(request, origins) {
  const loopback = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;
  const { origin, host = '' } = request.headers;
  if (/^(::1|::ffff:127\.|127\.)/.test(request.socket.localAddress) && !loopback.test(host)) return false;
  return origin === undefined || origins.includes(origin) || loopback.test(origin.replace(/^https?:\/\//, ''));
}

/** Listens; makePeer(transport, request) makes a peer for each connection. Returns { url, close() }. */
export function listen({ port = 0, host = '127.0.0.1', origins = [] }, makePeer) {
  return new Promise((resolve, reject) => {
    const peers = new Set();
    const server = new WebSocketServer({
      port, host, ...SETTINGS,
      handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
      verifyClient: ({ req }, done) => {
        const offered = (req.headers['sec-websocket-protocol'] ?? '').split(',').map((p) => p.trim());
        if (!offered.includes(SUBPROTOCOL)) done(false, 400, 'subprotocol lipwire.1 required'); // LW-WEBSOCKET-1
        else if (!trusted(req, origins)) done(false, 403, 'origin not allowed');
        else done(true);
      },
    });
    server.on('error', reject);
    server.on('connection', (ws, request) => {
      const peer = attach(ws, makePeer, request);
      peers.add(peer);
      peer.closed.then(() => peers.delete(peer));
    });
    server.on('listening', () => resolve({
      url: `ws://${host}:${server.address().port}`,
      drop: () => {
        for (const ws of server.clients) ws.terminate();
        server.close();
      },
      close: () => new Promise((done) => {
        for (const peer of peers) peer.close(1, 'going away', 1000);
        server.close(done);
      }),
    }));
  });
}
