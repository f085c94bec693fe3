import { openSync } from 'node:fs';
import { eventfd } from '../../../src/linux/descriptor.ts';
import { outgoing, receiveMessage, sendMessage } from '../../../src/linux/descriptor-passing.ts';
import { Errno } from '../../../src/linux/errno.ts';
import { errnoName } from '../../../src/linux/ffi.ts';
import { tcpListen } from '../../../src/linux/tcp-socket.ts';
import { seqpacketConnect } from '../../../src/linux/unix-socket.ts';
import { parseIpv4 } from '../../../src/model/ipv4.ts';

/** Talks to the forwarder as a listener would, says what its environment tells it, and waits to be cut off. */
const { STRANGER_SOCKET = '', STRANGER_SAYS = '', STRANGER_SHOWS = '' } = process.env;
const MAKE: Readonly<Record<string, () => number>> = {
  file: () => openSync('/dev/null', 'r'),
  event: eventfd,
  service: () => tcpListen(parseIpv4('169.254.16.9'), 5030, 1),
  elsewhere: () => tcpListen(parseIpv4('127.0.0.1'), 0, 1),
};

const link = seqpacketConnect(STRANGER_SOCKET);
if (link < 0) {
  console.log(`not let in: ${errnoName(-link)}`);
} else {
  const length = outgoing.bytes.write(STRANGER_SAYS, 'latin1');
  const kinds = STRANGER_SHOWS.split(',').filter((kind) => kind !== '');
  sendMessage(
    link,
    length,
    kinds.map((kind) => MAKE[kind]?.() ?? -1),
  );
  const look = setInterval(() => {
    const n = receiveMessage(link, []);
    if (n > 0 || n === -Errno.EAGAIN) return;
    clearInterval(look);
    console.log('cut off');
  }, 5);
}
