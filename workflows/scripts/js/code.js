// Code nodes: JavaScript once for all items or once for each, its console and its timers.

const MOST_LOGS = 1000;
const HEAD_LINES = 2; // the function's own head, before the first line of the code

const shown = (value) => {
  if (typeof value === 'string') return value;
  if (value instanceof Error) return String(value.stack ?? value);
  try {
    return stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
};

function makeConsole(logs) {
  const log = (...args) => { if (logs.length < MOST_LOGS) logs.push(args.map(shown).join(' ').slice(0, 10000)); };
  const made = {};
  for (const name of ['log', 'info', 'warn', 'error', 'debug', 'trace', 'table', 'dir']) made[name] = log;
  for (const name of ['time', 'timeEnd', 'group', 'groupEnd', 'assert', 'count']) made[name] = nothing;
  return made;
}

/** Timers that keep their order but not their time: nothing outside can happen meanwhile. */
class Timers {
  constructor() {
    this.waiting = new Map();
    this.next = 1;
    this.now = 0;
  }
  add(callback, delay, args, again) {
    const id = this.next;
    this.next += 1;
    this.waiting.set(id, { due: this.now + Math.max(0, Number(delay) || 0), run: () => callback(...args), again, delay });
    return id;
  }
  names() {
    return {
      setTimeout: (callback, delay, ...args) => this.add(callback, delay, args, false),
      setInterval: (callback, delay, ...args) => this.add(callback, Math.max(1, delay), args, true),
      setImmediate: (callback, ...args) => this.add(callback, 0, args, false),
      clearTimeout: (id) => { this.waiting.delete(id); },
      clearInterval: (id) => { this.waiting.delete(id); },
      queueMicrotask: (callback) => { Promise.resolve().then(callback); },
    };
  }
  fire() {
    let first;
    for (const [id, timer] of this.waiting) if (first === undefined || timer.due < first[1].due) first = [id, timer];
    if (first === undefined) return false;
    const [id, timer] = first;
    this.now = timer.due;
    if (timer.again) timer.due += Math.max(1, Number(timer.delay) || 1);
    else this.waiting.delete(id);
    timer.run();
    return true;
  }
}

/** `this.helpers` and `helpers`: what reaches outside is not there, and says so. */
const helpers = new Proxy({}, {
  get: (_, name) => {
    if (name === 'returnJsonArray') return (value) => [value].flat().map((json) => ({ json }));
    if (typeof name === 'symbol' || name === 'then') return undefined;
    throw new ExpressionError(`helpers.${name} is not available in code`, 'Code cannot reach outside. Use the node made for it, such as HTTP Request.');
  },
});

function deepGet(value, path) {
  let found = value;
  for (const part of String(path).split(/[.[\]]+/).filter(Boolean)) found = found?.[part];
  return found;
}

function getNodeParameter(path, second, third) {
  const fallback = typeof second === 'number' ? third : second;
  const found = deepGet(S.scope.parameters ?? {}, path);
  return parametersOf(found === undefined ? fallback : found);
}

function getWorkflowStaticData(type) {
  if (type !== 'global' && type !== 'node') throw new ExpressionError("Static data is 'global' or 'node'");
  return S.staticData[type];
}

const base64Names = {
  btoa: (text) => {
    const bytes = [...String(text)].map((char) => char.charCodeAt(0));
    if (bytes.some((one) => one > 255)) throw new RangeError('btoa: a character is outside of the Latin1 range');
    return toBase64(bytes);
  },
  atob: (text) => fromBase64(String(text)).map((one) => String.fromCharCode(one)).join(''),
  structuredClone: copied,
};

const DATES = /\b(?:luxon|DateTime|Duration|Interval)\b|\$(?:now|today)\b|\\u/; // or a name in escapes

/** The names of the date library, for code that speaks of one. */
function dateNames(source) {
  if (!DATES.test(source)) return {};
  const { DateTime, Duration, Interval, Settings } = luxon();
  const names = { luxon: { DateTime, Duration, Interval, Settings } };
  for (const [name, make] of nativeObject.entries(DATE_NAMES)) names[name] = make();
  return names;
}

function codeNames(source, logs, timers) {
  const names = batchNames();
  names.$evaluateExpression = CONSTANT.$evaluateExpression;
  return { ...names, ...timers.names(), ...base64Names, console: makeConsole(logs), helpers,
    $getWorkflowStaticData: getWorkflowStaticData, getWorkflowStaticData, getNodeParameter,
    ...dateNames(source) };
}

/** Names of the items, by style and item. */
function itemNames(style, each) {
  const item = currentItem();
  const names = { $json: item?.json, $data: item?.json, $binary: item?.binary ?? {}, $itemIndex: place(), $position: place() };
  if (style === 'functionItem') return { ...names, item: item?.json, getBinaryData: () => item?.binary };
  if (each) return { ...names, item };
  return { ...names, items: inputItems() };
}

/** The error with the line of the user's code it came from. */
function located(error, index) {
  const where = [];
  const line = error instanceof Error ? /code\.js:(\d+)/.exec(String(error.stack)) : null;
  if (line !== null && Number(line[1]) > HEAD_LINES) where.push(`line ${Number(line[1]) - HEAD_LINES}`);
  if (index !== null) where.push(`for item ${index}`);
  let message = messageOf(error);
  if (error instanceof Error && !(error instanceof ExpressionError) && error.name !== 'Error' && !message) message = error.name;
  const told = where.length ? ` [${where.join(', ')}]` : '';
  return [`${message || 'Unknown error'}${told}`, error instanceof ExpressionError ? error.description : ''];
}

let running = null;

/** Start code; its result is asked for with `outcome`. */
function startCode({ source, each, style, indexes }) {
  const logs = [];
  const timers = new Timers();
  S.copies = new Map([[S.items, S.items], [S.all, S.all]]); // these are the code's own already
  S.memo.clear();
  S.now = undefined;
  ranCode = true;
  S.custom = { ...S.scope.execution?.customData };
  S.staticData = copied(S.scope.static ?? {});
  S.staticData.global ??= {};
  S.staticData.node ??= {};
  const before = { custom: stringify(S.custom), statics: stringify(S.staticData) };
  running = { done: false, text: '', timers, logs, before };
  const own = running;
  const finish = (body) => {
    if (own.done) return;
    own.done = true;
    own.text = resultText(own, body);
  };
  S.index = indexes[0] ?? 0;
  let run;
  const shared = codeNames(source, logs, timers);
  const keys = [...new Set([...nativeObject.keys(shared), ...nativeObject.keys(itemNames(style, each))])];
  try {
    run = new AsyncFunction(...keys, `${source}\n//# sourceURL=code.js`);
  } catch (error) {
    finish({ whole: located(error, null) });
    return '';
  }
  const self = { helpers, getNodeParameter, getWorkflowStaticData, getWorkflow: () => S.scope.workflow, getMode: () => S.scope.execution?.mode };
  const values = keys.map((key) => shared[key]);
  const slots = nativeObject.keys(itemNames(style, each)).map((name) => [name, keys.indexOf(name)]);
  const call = () => {
    const names = itemNames(style, each);
    for (const [name, at] of slots) values[at] = names[name];
    return run.apply(self, values);
  };
  if (each) runEach(call, indexes, finish);
  else call().then((value) => finish({ value }), (error) => finish({ whole: located(error, null) }));
  return '';
}

async function runEach(call, indexes, finish) {
  const [values, errors, missing] = [[], {}, []];
  for (const index of indexes) {
    S.index = index;
    let value;
    try {
      value = await call();
    } catch (error) {
      errors[index] = located(error, index);
    }
    if (value === undefined) missing.push(values.length);
    values.push(value === undefined ? null : value);
  }
  finish({ value: values, errors, missing });
}

function resultText(own, { value, errors = {}, missing = null, whole = null }) {
  const { logs, before } = own;
  let text = 'null';
  let failure = whole;
  if (whole === null) {
    try {
      text = marked(value) ?? 'null';
    } catch (error) {
      failure = [`The result cannot be written: ${messageOf(error)}`, ''];
    }
  }
  const custom = stringify(S.custom);
  const statics = stringify(S.staticData);
  const kind = missing === null && (value === undefined || typeof value === 'function') ? '"undefined"' : 'null';
  return `{"r":${text},"kind":${kind},"missing":${stringify(missing)},"e":${stringify(errors)},"whole":${stringify(failure)},`
    + `"logs":${stringify(logs)},"custom":${custom === before.custom ? 'null' : custom},`
    + `"static":${statics === before.statics ? 'null' : statics}}`;
}

/** The text of the result, or "" while it is not there; lets the next timer fire. */
function outcome() {
  if (!running.done) {
    let fired;
    try {
      fired = running.timers.fire();
    } catch (error) {
      running.text = resultText(running, { whole: located(error, null) });
      running.done = true;
      fired = true;
    }
    if (!fired) {
      running.done = true;
      running.text = resultText(running, { whole: ['The code waits for a promise that is never resolved', ''] });
    }
    if (!running.done) return '';
  }
  const { text } = running;
  running = null;
  S.copies = null;
  S.custom = undefined;
  S.items = [];
  S.all = null;
  return text;
}
