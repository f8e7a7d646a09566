// Reads JavaScript just far enough to find calls, names and brackets: for extension methods on
// values that may be missing, and to refuse names that reach behind the scenes.

const KEYWORDS = new Set(('break case catch class const continue debugger default delete do else export extends '
  + 'finally for function if import in instanceof let new return static super switch throw try typeof '
  + 'var void while with yield await of async').split(' '));
const CLOSES = { ')': '(', ']': '[', '}': '{' };
const TOKEN = /([A-Za-z_$\u0080-\uffff][\w$\u0080-\uffff]*)|(\d[\w.]*|\.\d[\w]*)|(\?\.(?!\d)|=>|[-+*\/%&|^!<>=?~:,;.(){}[\]@#\\])/y;
const SPACE = /(?:\s+|\/\/[^\n]*|\/\*[^]*?\*\/)+/y;
const STRING = /"(?:[^"\\\n]|\\[^])*"|'(?:[^'\\\n]|\\[^])*'/y;
const REGEX = /\/(?:[^\/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;
const CHUNK = /(?:[^`\\$]|\\[^]|\$(?!\{))*(`|\$\{)/y;

const endsOperand = (token) => token !== undefined && (token.kind === 'name'
  ? !KEYWORDS.has(token.text) : token.kind === 'value' || token.kind === 'close');

/** Tokens with kind name | value | open | close | sign and their places; null when not readable. */
function tokens(source) {
  const found = [];
  const open = []; // indexes of tokens that opened something
  let at = 0;
  const match = (pattern) => {
    pattern.lastIndex = at;
    return pattern.exec(source);
  };
  const push = (kind, length, text = source.slice(at, at + length)) => {
    found.push({ kind, text, start: at, end: at + length, pair: -1 });
    at += length;
  };
  const close = (length) => {
    const partner = open.pop();
    if (partner === undefined) return false;
    push('close', length);
    found.at(-1).pair = partner;
    found[partner].pair = found.length - 1;
    return true;
  };
  const template = (head) => { // from a backtick, or from the } that ends a substitution
    CHUNK.lastIndex = at + 1;
    const chunk = CHUNK.exec(source);
    if (chunk === null) return false;
    const length = 1 + chunk[0].length;
    const ends = chunk[1] === '`';
    if (head) {
      push(ends ? 'value' : 'open', length, '`');
      if (!ends) open.push(found.length - 1);
      return true;
    }
    if (ends) return close(length);
    push('sign', length, '`');
    return true;
  };
  while (at < source.length) {
    const space = match(SPACE);
    if (space !== null) {
      at += space[0].length;
      continue;
    }
    const char = source[at];
    if (char === '"' || char === "'") {
      const text = match(STRING);
      if (text === null) return null;
      push('value', text[0].length);
    } else if (char === '`') {
      if (!template(true)) return null;
    } else if (char === '}' && open.length > 0 && found[open.at(-1)].text === '`') {
      if (!template(false)) return null;
    } else if (char === '/' && !endsOperand(found.at(-1)) && match(REGEX) !== null) {
      push('value', match(REGEX)[0].length);
    } else {
      const token = match(TOKEN);
      if (token === null) return null;
      const [text, name, number] = token;
      if (name !== undefined) push('name', text.length);
      else if (number !== undefined) push('value', text.length);
      else if (text === '(' || text === '[' || text === '{') {
        push('open', 1);
        open.push(found.length - 1);
      } else if (text in CLOSES) {
        if (open.length === 0 || found[open.at(-1)].text !== CLOSES[text]) return null;
        close(1);
      } else push('sign', text.length);
    }
  }
  return open.length === 0 ? found : null;
}

/** Index of the token where the value before `found[dot]` begins, or -1. */
function receiverStart(found, dot) {
  let at = dot - 1;
  for (;;) {
    const token = found[at];
    if (!endsOperand(token)) return -1;
    if (token.kind === 'close' && token.text === '}') return -1;
    if (token.kind === 'close') {
      at = token.pair;
      const before = found[at - 1];
      if (before !== undefined && found[at].text !== '`' && endsOperand(before)) {
        at -= 1;
        continue;
      }
      if (before !== undefined && before.text === '?.') {
        at -= 2;
        continue;
      }
    } else if (token.kind === 'name' || token.kind === 'value') {
      const before = found[at - 1];
      if (before !== undefined && (before.text === '.' || before.text === '?.')) {
        at -= 2;
        continue;
      }
    }
    const before = found[at - 1];
    return before !== undefined && before.text === 'new' ? at - 1 : at;
  }
}

/** Rewrite `a.b.name(x)` to `ext(a.b,"name",x)` for the names given. */
function withExtensions(source, names) {
  const found = tokens(source);
  if (found === null) return source;
  const edits = [];
  for (let i = 1; i + 1 < found.length; i += 1) {
    const [dot, name, bracket] = [found[i - 1], found[i], found[i + 1]];
    if (name.kind !== 'name' || bracket.text !== '(' || !names.has(name.text)) continue;
    if (dot.text !== '.' && dot.text !== '?.') continue;
    const start = receiverStart(found, i - 1);
    if (start < 0) continue;
    const call = dot.text === '.' ? '$$ext(' : '$$optional(';
    edits.push([found[start].start, found[start].start, call, i]);
    edits.push([dot.start, bracket.end, `,"${name.text}",`, i]);
  }
  // Calls of one chain begin at the same place: the last of them is the outermost.
  edits.sort((a, b) => a[0] - b[0] || b[3] - a[3]);
  let made = '';
  let at = 0;
  for (const [from, to, text] of edits) {
    made += source.slice(at, from) + text;
    at = to;
  }
  return made + source.slice(at);
}
