// The names expressions and code find: $json, $input, $('Node'), $now and all others.

/** The item's place in the whole input, of which `items` may be a piece. */
const place = () => S.index + (S.scope.first ?? 0);

/** `$('Node')`. */
class NodeReference {
  #name;
  constructor(name) {
    known(name);
    this.#name = name;
  }
  get item() { return pairedItem(this.#name, place()); }
  pairedItem(index = place()) { return pairedItem(this.#name, index); }
  itemMatching(index) {
    if (index === undefined) throw new ExpressionError('Missing item index for .itemMatching()');
    return pairedItem(this.#name, index);
  }
  first(branch, run) { return outputItems(this.#name, branch, run)[0]; }
  last(branch, run) { return outputItems(this.#name, branch, run).at(-1); }
  all(branch, run) { return outputItems(this.#name, branch, run); }
  get isExecuted() { return known(this.#name).runs > 0; }
  get params() { return S.scope.nodes?.[this.#name]?.parameters ?? {}; }
  get context() { return S.scope.states?.[this.#name] ?? {}; }
}

const nodeReference = (name) => new NodeReference(String(name));

/** `$node["Name"]`, the old form: by index, not by pairs. */
const oldNode = (name, index) => ({
  get json() { return oldItem(name, index()).json; },
  get data() { return oldItem(name, index()).json; },
  get binary() { return oldItem(name, index()).binary ?? {}; },
  get runIndex() { return executed(name).runs - 1; },
  get parameter() { return S.scope.nodes?.[name]?.parameters ?? {}; },
  get context() { return S.scope.states?.[name] ?? {}; },
});

function oldItem(name, index) {
  const items = outputItems(name);
  if (items[index] === undefined) {
    throw new ExpressionError(`Can't get data for expression`, `Node '${name}' has no item ${index}.`);
  }
  return items[index];
}

const oldNodes = (index) => new Proxy({}, {
  get: (_, name) => {
    if (typeof name === 'symbol') return undefined;
    known(name);
    return oldNode(name, index);
  },
  has: (_, name) => S.refs.has(name),
});

/** `$input`. */
class Input {
  get item() { return currentItem(); }
  first(...more) {
    if (more.length) throw new ExpressionError('$input.first() should have no arguments');
    return inputItems()[0];
  }
  last(...more) {
    if (more.length) throw new ExpressionError('$input.last() should have no arguments');
    return inputItems().at(-1);
  }
  all(...more) {
    if (more.length) throw new ExpressionError('$input.all() should have no arguments');
    return inputItems();
  }
  get params() { return S.scope.nodes?.[S.scope.sources[0]?.previousNode]?.parameters ?? {}; }
  get context() { return S.scope.states?.[S.scope.sources[0]?.previousNode] ?? {}; }
}

/** `$items(name, output, run)`. */
function itemsOf(name, output = 0, run = undefined) {
  return name === undefined ? inputItems() : outputItems(String(name), output, run);
}

/** `$item(index)`: the old way to look at another item. */
const itemAt = (index) => ({
  get $json() { return inputItems()[index]?.json; },
  get $data() { return inputItems()[index]?.json; },
  get $binary() { return inputItems()[index]?.binary ?? {}; },
  $node: oldNodes(() => index),
  $itemIndex: index,
});

const environment = () => new Proxy({}, {
  get: (_, name) => {
    if (typeof name === 'symbol') return undefined;
    const allowed = S.scope.env ?? {};
    if (nativeObject.hasOwn(allowed, name)) return allowed[name];
    throw new ExpressionError(`Access to the environment variable ${name} is denied`, 'An administrator can allow it.');
  },
  has: (_, name) => nativeObject.hasOwn(S.scope.env ?? {}, name),
  ownKeys: () => nativeObject.keys(S.scope.env ?? {}),
  getOwnPropertyDescriptor: (_, name) => (nativeObject.hasOwn(S.scope.env ?? {}, name)
    ? { value: S.scope.env[name], enumerable: true, configurable: true } : undefined),
});

/** `$parameter`: expressions in it are evaluated when they are looked at. */
function parametersOf(value) {
  if (typeof value === 'string') return value.startsWith('=') ? evaluateNow(value) : value;
  if (value === null || typeof value !== 'object') return value;
  return new Proxy(value, { get: (target, name) => (typeof name === 'symbol' ? target[name] : parametersOf(target[name])) });
}

class CustomData {
  set(key, value) {
    if (nativeObject.keys(key === null || typeof key !== 'object' ? {} : key).length) {
      for (const [name, one] of nativeObject.entries(key)) this.set(name, one);
      return;
    }
    if (S.custom === undefined) throw new ExpressionError('Custom data can be set in a Code node only');
    S.custom[String(key).slice(0, 50)] = String(value).slice(0, 512);
  }
  setAll(values) { for (const [name, one] of nativeObject.entries(values)) this.set(name, one); }
  get(key) { return (S.custom ?? S.scope.execution?.customData ?? {})[key]; }
  getAll() { return { ...(S.custom ?? S.scope.execution?.customData ?? {}) }; }
}

let jmes = null;

function jmespathSearch(value, expression) {
  if (value === null || typeof value !== 'object' || typeof expression !== 'string') {
    throw new ExpressionError('expected two arguments (Object, string) for this function');
  }
  if (jmes === null) makeFunction('exports', JMESPATH)((jmes = {}));
  return jmes.search(value, expression);
}

function fromAI(key, description, type, fallback) {
  if (!/^[\w-]{0,64}$/.test(String(key ?? ''))) throw new ExpressionError('Invalid parameter key', 'A key has 1 to 64 letters, digits, - or _.');
  const given = S.scope.extra?.['$fromAI'];
  return given !== undefined && nativeObject.hasOwn(given, key) ? given[key] : fallback;
}

const numberList = (start, end) => {
  const step = end < start ? -1 : 1;
  return Array.from({ length: Math.abs(end - start) + 1 }, (_, i) => start + i * step);
};
const zip = (keys, values) => {
  if (keys.length !== values.length) fail('zip(): expected two arrays of the same length');
  return nativeObject.fromEntries(keys.map((key, i) => [key, values[i]]));
};
const average = (...args) => arrays.average(args.flat());
const choose = (condition, yes, no) => (condition ? yes : no);
const ifEmpty = (value, fallback) => (isEmpty(value) ? fallback : value);
const not = (value) => !value;
const maximum = (...args) => Math.max(...args.flat());
const minimum = (...args) => Math.min(...args.flat());

// In expressions, Object has nothing that changes how objects work.
const HIDDEN = new Set(['defineProperty', 'defineProperties', 'setPrototypeOf', 'getPrototypeOf',
  'getOwnPropertyDescriptor', 'getOwnPropertyDescriptors', '__defineGetter__', '__defineSetter__',
  '__lookupGetter__', '__lookupSetter__']);
const tameObject = new Proxy(nativeObject, { get: (target, name) => (HIDDEN.has(name) ? undefined : target[name]) });

/** Names that are the same for every item of a batch. */
const CONSTANT = {
  $: nodeReference, $node: oldNodes(place), $items: itemsOf, $item: itemAt, $input: new Input(),
  $env: environment(), $jmespath: jmespathSearch, $jmesPath: jmespathSearch,
  $fromAI: fromAI, $fromAi: fromAI, $fromai: fromAI,
  $evaluateExpression: (text, index = S.index) => evaluateAt(String(text), index),
  $if: choose, $ifEmpty: ifEmpty, $not: not, $min: minimum, $max: maximum, $average: average,
  min: minimum, max: maximum, average, numberList, zip,
};

/** Names of one batch. */
function batchNames() {
  const { scope } = S;
  const source = scope.sources?.[0];
  return {
    ...CONSTANT,
    $runIndex: scope.runIndex,
    $prevNode: { name: source?.previousNode, outputIndex: source?.previousNodeOutput ?? 0, runIndex: source?.previousNodeRun ?? 0 },
    $workflow: scope.workflow,
    $execution: { ...scope.execution, customData: new CustomData() },
    $vars: scope.vars ?? {},
    $secrets: undefined,
    $parameter: parametersOf(scope.parameters ?? {}),
    $rawParameter: scope.parameters ?? {},
    $nodeVersion: scope.nodeVersion,
    $nodeId: scope.nodeId,
    $executionId: scope.execution?.id,
    $resumeWebhookUrl: scope.execution?.resumeUrl,
    $mode: scope.execution?.mode,
    $thisRunIndex: scope.runIndex,
    ...scope.extra,
  };
}

/** Names of one item. */
const ITEM_NAMES = {
  $json: () => currentItem()?.json,
  $data: () => currentItem()?.json,
  $binary: () => currentItem()?.binary ?? {},
  $itemIndex: place,
  $position: place,
  $thisItemIndex: place,
  $thisItem: () => currentItem(),
};
