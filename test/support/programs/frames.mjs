// A guest that sends whatever it likes: raw Ethernet frames, past its own stack.
//
//   node frames.mjs DEVICE TIMES FRAME...      frames in hex, all of them TIMES times over; prints how many were sent
import koffi from 'koffi';

const [device, times, ...frames] = process.argv.slice(2);
const libc = koffi.load('libc.so.6');
const socket = libc.func('int socket(int, int, int)');
const sendto = libc.func('long sendto(int, const void *, size_t, int, const void *, unsigned int)');
const indexOf = libc.func('unsigned int if_nametoindex(const char *)');

const AF_PACKET = 17;
const SOCK_RAW = 3;
const ENOBUFS = 105;

const index = indexOf(device);
if (index === 0) throw new Error(`no device ${device}`);
const fd = socket(AF_PACKET, SOCK_RAW, 0);
if (fd < 0) throw new Error(`socket: errno ${koffi.errno()}`);

/** `struct sockaddr_ll`. */
const address = Buffer.alloc(20);
address.writeUInt16LE(AF_PACKET, 0);
address.writeInt32LE(index, 4);

let sent = 0;
const bytes = frames.map((frame) => Buffer.from(frame, 'hex'));
for (let round = 0; round < Number(times); round += 1) {
  for (const frame of bytes) {
    const length = sendto(fd, frame, frame.length, 0, address, address.length);
    if (length === frame.length) sent += 1;
    else if (koffi.errno() !== ENOBUFS) throw new Error(`sendto: errno ${koffi.errno()}`);
  }
}
console.log(sent);
