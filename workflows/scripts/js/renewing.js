// A context after a run: is all that the next one could see as it was before anybody's text?
// Nothing here may call what user text could have replaced before it is known to be as it was.

const { ownKeys } = Reflect;
const { getOwnPropertyDescriptor, isExtensible, is } = nativeObject;
const KINDS = ['value', 'get', 'set'];
const SETTINGS = ['now', 'defaultLocale', 'defaultNumberingSystem', 'defaultOutputCalendar',
  'defaultWeekSettings', 'twoDigitCutoffYear', 'throwOnInvalid'];

let memory = null; // [object, prototype, number of keys, its key, value, get, set, flags, ...] each
let reached = null; // the objects in it
let settings = [];
let ranCode = false;

const flagsOf = (one) => (one.writable ? 4 : 0) + (one.enumerable ? 2 : 0) + (one.configurable ? 1 : 0);
const isObject = (value) => (typeof value === 'object' && value !== null) || typeof value === 'function';

/** What has no name, and is reached from values: what iterators, generators and the like inherit. */
function unnamed() {
  const iterators = [[].values(), new Map().values(), new Set().values(), ''[Symbol.iterator](), ''.matchAll(/a/g)];
  const kinds = [async () => {}, function* () {}, async function* () {}, new Int8Array().values()];
  const helpers = typeof Iterator === 'function' ? [[].values().map((one) => one), Iterator.from({ next() {} })] : [];
  const texts = new Intl.Segmenter().segment('a');
  return [...iterators, ...kinds, (function* () {})(), (async function* () {})(), ...helpers, texts, texts[Symbol.iterator]()];
}

/** What user text is given and could change; $env and $node show nothing that is written to them. */
function given() {
  const { $env, $node, ...names } = CONSTANT;
  const { Object: tame, ...denied } = DENIED;
  return [names, denied, EMPTY_THIS, NodeReference.prototype, CustomData.prototype, ExpressionError, helpers];
}

function note(roots) {
  const todo = roots.filter(isObject);
  while (todo.length) {
    const object = todo.pop();
    if (reached.has(object)) continue;
    reached.add(object);
    const keys = ownKeys(object);
    const parent = getPrototypeOf(object);
    if (parent !== null) todo.push(parent);
    const entry = [object, parent, isExtensible(object)];
    for (const key of keys) {
      const found = getOwnPropertyDescriptor(object, key);
      entry.push(key, found.value, found.get, found.set, flagsOf(found));
      for (const kind of KINDS) if (isObject(found[kind])) todo.push(found[kind]);
    }
    memory.push(entry);
  }
}

/** Remember how everything is, before the first text of a run. */
function remember() {
  if (memory === null) {
    [memory, reached] = [[], new Set()];
    note([nativeObject.prototype, globalThis, ...unnamed(), ...given()]);
    if (loaded !== null) noteDates();
  }
  return '';
}

function noteDates() {
  const { FixedOffsetZone, SystemZone, Settings } = loaded;
  note([loaded, FixedOffsetZone.utcInstance, SystemZone.instance]);
  settings = SETTINGS.map((name) => Settings[name]);
}

function isSame(entry) {
  const [object, parent, extensible] = [entry[0], entry[1], entry[2]];
  if (getPrototypeOf(object) !== parent || isExtensible(object) !== extensible) return false;
  const keys = ownKeys(object);
  if (keys.length * 5 + 3 !== entry.length) return false;
  for (let at = 3; at < entry.length; at += 5) {
    const found = getOwnPropertyDescriptor(object, entry[at]);
    if (found === undefined || !is(found.value, entry[at + 1]) || found.get !== entry[at + 2]
      || found.set !== entry[at + 3] || flagsOf(found) !== entry[at + 4]) return false;
  }
  return true;
}

function isAsBefore() {
  for (let at = 0; at < memory.length; at += 1) if (!isSame(memory[at])) return false;
  for (let at = 0; at < settings.length; at += 1) if (loaded.Settings[SETTINGS[at]] !== settings[at]) return false;
  return true;
}

/** Forget the run's data; says "new" when nothing else is left of it. Code is not followed. */
function asNew() {
  if (memory === null || ranCode || !isAsBefore()) return '';
  Object.assign(S, { scope: {}, extraKey: '', items: [], all: null, past: new Map(), refs: new Map(), index: 0,
    copies: null, now: undefined, custom: undefined, staticData: undefined });
  S.memo.clear();
  /^/.test(''); // RegExp.$1 and its like
  MARK = '\u0001';
  MARK_JSON = '\\u0001';
  return 'new';
}
