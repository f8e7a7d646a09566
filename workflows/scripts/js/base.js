// What every other file here stands on: clean globals, errors, marks for dates, copies.
// All files are joined into one function; nothing of it is reachable from user text by name.

const { parse: parseJson, stringify } = JSON;
const makeFunction = Function;
const AsyncFunction = (async () => {}).constructor;
const nativeObject = Object;
const { defineProperty, getPrototypeOf } = Object;

// -- globals that reach a clock, a thread, shared memory or new code ------------------------------

for (const name of [
  'WebAssembly', 'SharedArrayBuffer', 'Atomics', 'FinalizationRegistry', 'WeakRef', 'console', 'eval',
  'Function', 'luxon', 'jmespath',
]) delete globalThis[name];
delete Error.captureStackTrace;

class ExpressionError extends Error {
  constructor(message, description = '') {
    super(message);
    this.name = 'ExpressionError';
    this.description = description;
  }
}

const forbidden = (name) => new ExpressionError(`Cannot access "${name}" due to security concerns`);
const noConstructor = { get() { throw forbidden('constructor'); }, set() {}, configurable: false };
for (const one of [() => {}, async () => {}, function* () {}, async function* () {}]) {
  defineProperty(getPrototypeOf(one), 'constructor', noConstructor);
}

// -- values JSON has no word for -----------------------------------------------------------------

let MARK = '\u0001'; // followed by the session's own secret, so that no data can pretend
let marking = false;
const dateToJson = Date.prototype.toJSON;

defineProperty(Date.prototype, 'toJSON', {
  value: function toJSON(key) {
    return marking && !isNaN(this) ? `${MARK}D${this.toISOString()}` : dateToJson.call(this, key);
  },
  writable: true,
  configurable: true,
});
defineProperty(BigInt.prototype, 'toJSON', {
  value: function toJSON() {
    if (!marking) throw new TypeError('Do not know how to serialize a BigInt');
    return String(this);
  },
  writable: true,
  configurable: true,
});

/** JSON text in which dates carry their kind. */
function marked(value) {
  marking = true;
  try {
    return stringify(value);
  } finally {
    marking = false;
  }
}

function fromMark(text) {
  const rest = text.slice(MARK.length + 1);
  switch (text[MARK.length]) {
    case 'D': return new Date(rest);
    case 'L': {
      const [, iso, zone] = /^([^[]*)(?:\[(.*)\])?$/.exec(rest);
      return luxon().DateTime.fromISO(iso, zone ? { zone } : { setZone: true });
    }
    default: return undefined;
  }
}

/** Turn marked texts inside a value back into dates, in place. */
function revive(value) {
  if (typeof value === 'string') return value.startsWith(MARK) ? fromMark(value) : value;
  if (value === null || typeof value !== 'object') return value;
  for (const key of nativeObject.keys(value)) {
    const one = value[key];
    if (typeof one === 'string' ? one.startsWith(MARK) : one !== null && typeof one === 'object') {
      const made = revive(one);
      if (made === undefined && !Array.isArray(value)) delete value[key];
      else value[key] = made;
    }
  }
  return value;
}

const read = (text) => {
  const value = parseJson(text);
  return text.includes(MARK_JSON) ? revive(value) : value;
};
let MARK_JSON = '\\u0001';

/** A copy user text may change. */
function copied(value) {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(copied);
  if (value instanceof Date) return new Date(value.getTime());
  const proto = getPrototypeOf(value);
  if (proto !== nativeObject.prototype && proto !== null) return value;
  const made = {};
  for (const key of nativeObject.keys(value)) {
    if (key === '__proto__') defineProperty(made, key, { value: copied(value[key]), writable: true, enumerable: true, configurable: true });
    else made[key] = copied(value[key]);
  }
  return made;
}

const isPlain = (value) => {
  if (value === null || typeof value !== 'object') return false;
  const proto = getPrototypeOf(value);
  return proto === nativeObject.prototype || proto === null;
};

function isEmpty(value) {
  if (value === undefined || value === null || value === '') return true;
  if (Array.isArray(value)) return value.length === 0;
  return isPlain(value) && nativeObject.keys(value).length === 0;
}
