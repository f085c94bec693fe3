import { canonicalPath, type Path } from '../names/path.ts';
import { explainRefusal, isRefusal } from '../names/refusal.ts';
import { wireOf } from '../names/wire.ts';
import type { PatternFault } from './host-pattern.ts';

/** One of a rule's `paths`, compiled. */
export interface PathPattern {
  /** As it is written. */
  readonly text: string;
  /** Whether it has this canonical path. */
  readonly matches: (path: string) => boolean;
  /** Whether it has what a lenient upstream may read in a path, for rules that deny. */
  readonly matchesLoose: (path: string) => boolean;
}

const MAX_STARS = 16;

/**
 * `*` is any text within a segment, or to the end where it is the last character. `**` is any text. What is written is brought to the canonical form of
 * paths first, so that `/a b/*` and `/a%20b/*` are one pattern.
 */
export function parsePathPattern(text: string): PathPattern | PatternFault {
  if (!text.startsWith('/')) return { fault: 'does not begin with /' };
  if (text.includes('?')) return { fault: 'has a query, and paths are judged without' };
  const path = canonicalPath(wireOf(text.replaceAll(' ', '%20')));
  if (isRefusal(path)) return { fault: `is no path: ${explainRefusal(path)}` };
  if (path.text.split('*').length - 1 > MAX_STARS) return { fault: `has more than ${MAX_STARS} *` };
  return { text, matches: matcher(path.text), matchesLoose: matcher(path.loose) };
}

/** An allowing rule is taken at its word; a prohibition also covers what an upstream may read in the path. */
export function matchesPath(pattern: PathPattern, path: Path, deny: boolean): boolean {
  return pattern.matches(path.text) || (deny && path.loose !== path.text && pattern.matchesLoose(path.loose));
}

function matcher(pattern: string): (path: string) => boolean {
  const star = pattern.indexOf('*');
  if (star === -1) return (path) => path === pattern;
  const prefix = pattern.slice(0, star);
  if (/^\*+$/.test(pattern.slice(star))) return (path) => path.startsWith(prefix);
  const pieces = piecesOf(pattern);
  return (path) => path.startsWith(prefix) && matchPieces(pieces, path);
}

/** Literal text, and what may stand before the next literal. */
interface Piece {
  readonly literal: string;
  readonly gap: 'none' | 'segment' | 'any';
}

function piecesOf(pattern: string): Piece[] {
  return [...pattern.matchAll(/(\**)([^*]*)/g)]
    .filter(([all]) => all !== '')
    .map(([, stars = '', literal = ''], at, { length }) => {
      const last = at === length - 1 && literal === '';
      return { literal, gap: stars === '' ? 'none' : stars.length > 1 || last ? 'any' : 'segment' };
    });
}

/**
 * Positions that can be reached after each piece. Every piece is one walk over the path, so the time is pieces × length, whatever a
 * guest sends; a regular expression would backtrack.
 */
function matchPieces(pieces: readonly Piece[], path: string): boolean {
  let starts = new Set([0]);
  for (const [index, { literal, gap }] of pieces.entries()) {
    const last = index === pieces.length - 1;
    const ends = new Set<number>();
    if (gap === 'none') {
      for (const start of starts) if (path.startsWith(literal, start)) ends.add(start + literal.length);
    } else {
      const reach = gap === 'any' ? () => path.length : (start: number) => segmentEnd(path, start);
      let done = -1;
      for (const start of [...starts].sort((a, b) => a - b)) {
        const end = reach(start);
        for (let at = Math.max(start, done + 1); at <= end; at += 1) {
          if (path.startsWith(literal, at)) ends.add(at + literal.length);
        }
        done = Math.max(done, end);
      }
    }
    if (last) return ends.has(path.length);
    if (ends.size === 0) return false;
    starts = ends;
  }
  return false;
}

/** `%2F` and `%5C` end a segment for some upstreams, so `*` stops there too. */
function segmentEnd(path: string, start: number): number {
  for (let at = start; at < path.length; at += 1) {
    const sign = path.charAt(at);
    if (sign === '/' || (sign === '%' && /^(?:2F|5C)/.test(path.slice(at + 1, at + 3)))) return at;
  }
  return path.length;
}
