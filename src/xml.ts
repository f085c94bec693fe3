import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { InputError, messageOf } from './errors.ts';

/** Elements by name; each is a list, since any of them may be repeated. */
export interface XmlElement {
  readonly [name: string]: unknown;
}

/** Where a document comes from, for messages. */
export interface XmlSource {
  /** `template`. */
  readonly name: string;
  /** Ends each message. */
  readonly remedy: string;
}

const parser = new XMLParser({
  ignoreAttributes: true,
  ignoreDeclaration: true,
  ignorePiTags: true,
  // `NETWORK_ID` 007 stays what it is.
  parseTagValue: false,
  // Character references (`&#13;`) count as HTML entities in this library.
  htmlEntities: true,
  isArray: () => true,
  jPath: false,
  // The user's and the history's parts of a VM may hold anything and are not looked at.
  stopNodes: ['VM.USER_TEMPLATE', 'VM.HISTORY_RECORDS', 'VM.MONITORING'],
});

/** The root element `name`. Throws `InputError` when the text is not well-formed or has another root. */
export function parseXml(text: string, name: string, source: XmlSource): XmlElement {
  try {
    return rootOf(text, name);
  } catch (error) {
    if (!(error instanceof Unfit)) throw error;
    throw new InputError(`${source.name} ${error.message}`, { remedy: source.remedy, cause: error.cause });
  }
}

/** What is wrong with a document: `is no XML`. */
class Unfit extends Error {}

function rootOf(text: string, name: string): XmlElement {
  const xml = text.replace(/^\uFEFF/, '').trim();
  if (!xml.startsWith('<')) throw new Unfit('is no XML');
  rejectDeclarations(xml);
  const document = parse(xml);
  const [root, ...more] = Object.keys(document).flatMap((key) => children(document, key));
  if (more.length > 0) throw notWellFormed('more than one root element');
  if (!isElement(root) || !Object.hasOwn(document, name)) {
    throw new Unfit(`has no <${name}> with elements in it`);
  }
  return root;
}

function parse(xml: string): XmlElement {
  let parsed: unknown;
  try {
    // In this order: the parser gives up early on what the validator takes long for, such as a million open elements.
    parsed = parser.parse(xml);
  } catch (error) {
    throw notWellFormed(messageOf(error), error);
  }
  const valid = XMLValidator.validate(xml);
  if (valid !== true) throw notWellFormed(`line ${valid.err.line}, ${valid.err.msg}`);
  return isElement(parsed) ? parsed : {};
}

/** DOCTYPE, ENTITY and the like have no place in what OpenNebula writes; inside of CDATA they are somebody's text. */
function rejectDeclarations(xml: string): void {
  for (let at = xml.indexOf('<!'); at !== -1; at = xml.indexOf('<!', at)) {
    const closer = xml.startsWith('<![CDATA[', at) ? ']]>' : xml.startsWith('<!--', at) ? '-->' : undefined;
    if (closer === undefined) throw new Unfit('has a document type declaration');
    const end = xml.indexOf(closer, at + 4);
    if (end === -1) throw notWellFormed(`${closer} is missing`);
    at = end + closer.length;
  }
}

function notWellFormed(why: string, cause?: unknown): Unfit {
  return new Unfit(`is no well-formed XML (${why.slice(0, 100)})`, { cause });
}

function isElement(value: unknown): value is XmlElement {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The elements called `name`, text-only ones left out. */
export function elements(parent: XmlElement, name: string): readonly XmlElement[] {
  return children(parent, name).filter(isElement);
}

/** Text of the first element called `name`, without blanks around it; undefined when there is none or it is empty. */
export function text(parent: XmlElement, name: string): string | undefined {
  const [first] = children(parent, name);
  const value = typeof first === 'string' ? first.trim() : '';
  return value === '' ? undefined : value;
}

function children(parent: XmlElement, name: string): readonly unknown[] {
  const list = Object.hasOwn(parent, name) ? parent[name] : undefined;
  return Array.isArray(list) ? list : [];
}
