/** Numbers of the calls that the filter of a listener (seccomp.ts) names: on x64 and on arm64, where it exists there. */
export const NUMBERS = {
  accept: [43, 202],
  accept4: [288, 242],
  add_key: [248, 217],
  bpf: [321, 280],
  chroot: [161, 51],
  clone: [56, 220],
  clone3: [435, 435],
  creat: [85, undefined],
  execve: [59, 221],
  execveat: [322, 281],
  fcntl: [72, 25],
  fork: [57, undefined],
  get_robust_list: [274, 100],
  io_uring_enter: [426, 426],
  io_uring_register: [427, 427],
  io_uring_setup: [425, 425],
  ioctl: [16, 29],
  ioprio_set: [251, 30],
  kcmp: [312, 272],
  keyctl: [250, 219],
  kill: [62, 129],
  memfd_create: [319, 279],
  migrate_pages: [256, 238],
  move_pages: [279, 239],
  name_to_handle_at: [303, 264],
  open: [2, undefined],
  open_by_handle_at: [304, 265],
  open_tree: [428, 428],
  openat: [257, 56],
  openat2: [437, 437],
  perf_event_open: [298, 241],
  pidfd_getfd: [438, 438],
  pidfd_open: [434, 434],
  pidfd_send_signal: [424, 424],
  prlimit64: [302, 261],
  process_madvise: [440, 440],
  process_vm_readv: [310, 270],
  process_vm_writev: [311, 271],
  ptrace: [101, 117],
  request_key: [249, 218],
  rt_sigqueueinfo: [129, 138],
  rt_tgsigqueueinfo: [297, 240],
  sched_setaffinity: [203, 122],
  sched_setattr: [314, 274],
  sched_setparam: [142, 118],
  sched_setscheduler: [144, 119],
  seccomp: [317, 277],
  setns: [308, 268],
  setpriority: [141, 140],
  shutdown: [48, 210],
  socket: [41, 198],
  tgkill: [234, 131],
  tkill: [200, 130],
  unshare: [272, 97],
  userfaultfd: [323, 282],
  vfork: [58, undefined],
} as const;

export type SystemCall = keyof typeof NUMBERS;

/** A processor architecture as seccomp sees it. */
export interface Machine {
  /** AUDIT_ARCH_… as the kernel tells it of each call. */
  readonly audit: number;
  /** Undefined: it has no such call. */
  numberOf(call: SystemCall): number | undefined;
}

/** By node's name of the architecture. */
export const MACHINES: Readonly<Partial<Record<string, Machine>>> = {
  x64: { audit: 0xc000_003e, numberOf: (call) => NUMBERS[call][0] },
  arm64: { audit: 0xc000_00b7, numberOf: (call) => NUMBERS[call][1] },
};
