// What the execution has handed over: items of this node, runs of earlier ones, pairs between them.

const S = {
  scope: {}, // of this node run
  items: [], // at input 0, by index
  all: null, // all of input 0, where `items` are a part of them
  past: new Map(), // node -> its runs: {outputs: [items|null], pairs: [[pairedItem]], sources}
  refs: new Map(), // node -> {runs, wired, parent}
  index: 0, // the item at work
  copies: null, // Map original -> copy while user text may change what it is given
  now: undefined, // of this batch
  memo: new Map(), // pairs of pairs, walked once a batch
};

/** Items as user text may see them: copies where it may change them. */
function seen(items) {
  if (S.copies === null || items === null || items === undefined) return items;
  let made = S.copies.get(items);
  if (made === undefined) S.copies.set(items, (made = items.map(copied)));
  return made;
}

const currentItem = () => seen(S.items)?.[S.index];
const inputItems = () => seen(S.all ?? S.items);

function known(name) {
  const ref = S.refs.get(name);
  if (ref === undefined) throw new ExpressionError("Referenced node doesn't exist", `There is no node '${name}'.`);
  return ref;
}

function executed(name) {
  const ref = known(name);
  if (ref.runs === 0) throw new ExpressionError(`Node '${name}' hasn't been executed`);
  return ref;
}

function runOf(name, run) {
  const { runs } = executed(name);
  const at = run === undefined || run === null || run === -1 ? runs - 1 : run;
  const found = S.past.get(name)?.[at];
  if (found === undefined) throw new ExpressionError(`Run ${at} of node '${name}' not found`);
  return found;
}

function outputItems(name, branch, run) {
  const ref = executed(name);
  const { outputs } = runOf(name, run);
  const output = branch ?? ref.wired ?? 0;
  if (outputs === null) throw new ExpressionError(`Data of node '${name}' is not at hand`);
  return seen(outputs[output]) ?? [];
}

// -- the walk back from an item to the one it came from ---------------------------------------------

const unavailable = (name) => new ExpressionError(
  `Paired item data for item from node '${name}' is unavailable. Ensure '${name}' is providing the required output.`);

const asPair = (pair) => (typeof pair === 'number' ? { item: pair } : pair);

/** Walk from a pair of a run to `wanted`; returns [run, output, item], or null where it came
 * another way. */
function walk(wanted, start, first) {
  let [past, pair] = [start, first];
  for (;;) { // not by recursion: loops make long ways
    const { item, input = 0, sourceOverwrite } = asPair(pair);
    const source = sourceOverwrite ?? past.sources[input];
    if (source === undefined || source === null) return null;
    const { previousNode: node, previousNodeOutput: output = 0, previousNodeRun: run = 0 } = source;
    if (node === wanted) return [run, output, item];
    past = S.past.get(node)?.[run];
    if (past === undefined) return null; // only runs that can lead there are handed over
    const items = past.outputs?.[output];
    pair = items ? items[item]?.pairedItem : past.pairs?.[output]?.[item];
    if (pair === undefined || pair === null) throw unavailable(node);
    if (Array.isArray(pair)) return walkEach(wanted, past, pair, `${node}\n${run}\n${output}\n${item}\n${wanted}`);
  }
}

function walkEach(wanted, past, pairs, key) {
  let found = S.memo.get(key);
  if (found === undefined) S.memo.set(key, (found = walkAll(wanted, past, pairs)));
  if (found instanceof ExpressionError) throw found;
  return found;
}

function walkAll(wanted, past, pairs) {
  const found = new Map();
  let failure = null;
  for (const pair of pairs) {
    try {
      const end = walk(wanted, past, pair);
      if (end !== null) found.set(end.join(), end);
    } catch (error) {
      failure = error;
    }
  }
  if (found.size === 0) return failure;
  if (found.size > 1) return new ExpressionError('Multiple matches found', `The item comes from several items of '${wanted}'. Use .first(), .last() or .all()[index] instead of .item.`);
  return found.values().next().value;
}

function pairedItem(name, index) {
  const ref = executed(name);
  if (!ref.parent) throw new ExpressionError('Invalid expression', `There is no connection back to the node '${name}'.`);
  const end = walk(name, { sources: S.scope.sources }, index);
  if (end === null) return undefined;
  const [run, output, item] = end;
  const found = seen(runOf(name, run).outputs?.[output])?.[item];
  if (found === undefined) throw unavailable(name);
  return found;
}
