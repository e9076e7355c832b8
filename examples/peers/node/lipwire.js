// Lipwire 1 for Node and browsers: both roles.

export { CODES, LipwireError, Misuse } from './wire.js';
export { VERSION } from './peer.js';
export { Receiver } from './receiver-core.js';
export { Sender } from './sender-core.js';
