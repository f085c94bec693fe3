/**
 * Classic BPF as seccomp takes it: a program looks at one word (`load`) and goes on to the next instruction, into a block,
 * or returns. Blocks are guarded by functions that count the jump over them.
 */
export type Instruction = readonly [code: number, value: number, ifTrue?: number, ifFalse?: number];
export type Program = readonly Instruction[];

const LOAD_WORD = 0x20;
const JUMP_EQUAL = 0x15;
const JUMP_AT_LEAST = 0x35;
const JUMP_ANY_BIT = 0x45;
const MASK = 0x54;
const RETURN = 0x06;
const INSTRUCTION_BYTES = 8;

/** Looks at the word of `struct seccomp_data` that begins at this byte. */
export function load(at: number): Instruction {
  return [LOAD_WORD, at];
}

/** Looks at these bits of the word alone. */
export function mask(bits: number): Instruction {
  return [MASK, bits];
}

/** Ends the program with this verdict. */
export function verdict(value: number): Instruction {
  return [RETURN, value];
}

/** `block` where the word is `value`. */
export function ifEqual(value: number, block: Program): Program {
  return [[JUMP_EQUAL, value, 0, block.length], ...block];
}

/** `block` where the word is another one than `value`. */
export function unlessEqual(value: number, block: Program): Program {
  return [[JUMP_EQUAL, value, block.length, 0], ...block];
}

/** `block` where the word, unsigned, is `value` or more. */
export function ifAtLeast(value: number, block: Program): Program {
  return [[JUMP_AT_LEAST, value, 0, block.length], ...block];
}

/** `block` where the word has none of these bits. */
export function unlessAnyBit(bits: number, block: Program): Program {
  return [[JUMP_ANY_BIT, bits, block.length, 0], ...block];
}

/** The program as the kernel reads it, an array of `struct sock_filter`. Throws when a jump is longer than 255. */
export function encode(program: Program): Buffer {
  const code = Buffer.allocUnsafeSlow(INSTRUCTION_BYTES * program.length);
  for (const [index, [operation, value, ifTrue = 0, ifFalse = 0]] of program.entries()) {
    const at = INSTRUCTION_BYTES * index;
    code.writeUInt16LE(operation, at);
    code.writeUInt8(ifTrue, at + 2);
    code.writeUInt8(ifFalse, at + 3);
    code.writeUInt32LE(value, at + 4);
  }
  return code;
}
