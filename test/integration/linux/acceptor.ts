import { close } from '../../../src/linux/descriptor.ts';
import { outgoing, sendMessage } from '../../../src/linux/descriptor-passing.ts';
import { tcpListen } from '../../../src/linux/tcp-socket.ts';
import { seqpacketConnect } from '../../../src/linux/unix-socket.ts';
import { parseIpv4 } from '../../../src/model/ipv4.ts';
import {
  acceptSoon,
  dial,
  localPort,
  receiveEnd,
  receiveText,
  sendBytes,
  spin,
} from '../../unit/linux/endpoints.ts';

/**
 * Runs inside a netns: dials itself, hands the accepted socket over the unix socket named by its argument, and prints
 * what the dialling side hears.
 */
const listening = tcpListen(parseIpv4('127.0.0.1'), 0, 8);
const guest = dial(localPort(listening));
const accepted = acceptSoon(listening);
const link = spin('the unix socket', () => {
  const fd = seqpacketConnect(process.argv[2] ?? '');
  return fd >= 0 ? fd : undefined;
});
const length = outgoing.bytes.write(JSON.stringify({ port: localPort(listening), pid: process.pid }));
if (sendMessage(link, length, [accepted]) !== 0) throw new Error('hand-over failed');
// The only one left is the receiver's.
close(accepted);
sendBytes(guest, Buffer.from('from inside'));
console.log(receiveText(guest, 12));
console.log(`end ${receiveEnd(guest)}`);
