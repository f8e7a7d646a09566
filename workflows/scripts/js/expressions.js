// Templates: "text {{ expression }} text" over items, many at a time.

// What expressions see instead of what lies behind these names.
const DENIED = { globalThis: {}, global: {}, document: {}, Object: tameObject };
for (const name of ['window', 'self', 'Promise', 'Function', 'Reflect', 'Proxy', 'process', 'require',
  'module', 'exports', 'fetch', 'alert', 'escape', 'unescape']) DENIED[name] = undefined;

const SUSPECT = /constructor|__|prepareStackTrace|captureStackTrace|mainModule|binding|getOwnPropertyDescriptor|arguments|new\s*\.\s*target|import/;
const BEHIND = new Set(['constructor', '__proto__', 'prototype', '__defineGetter__', '__defineSetter__',
  '__lookupGetter__', '__lookupSetter__', 'prepareStackTrace', '__sanitize', '___n8n_data', 'arguments']);
const CHANGES = /\.\s*(?:sort|reverse|splice|push|pop|shift|unshift|fill|copyWithin|set\w*)\s*\(|\bdelete\b|Object\s*\.\s*assign|(?:^|[^=!<>])=(?![=>])|\+\+|--/;
const MOST_TEXT = 32 * 1024 * 1024;

/** Parts of a template: texts and {source}. The first }} ends an expression, whatever stands around it. */
function split(template) {
  const parts = [];
  let text = '';
  let at = 0;
  while (at < template.length) {
    const open = template.indexOf('{{', at);
    const end = open < 0 ? -1 : template.indexOf('}}', open + 2);
    if (end < 0) break;
    if (template[open - 1] === '\\') {
      text += `${template.slice(at, open - 1)}{{`;
      at = open + 2;
      continue;
    }
    text += template.slice(at, open);
    if (text !== '') parts.push(text);
    parts.push({ source: template.slice(open + 2, end) });
    text = '';
    at = end + 2;
  }
  text += template.slice(at);
  if (text !== '' || parts.length === 0) parts.push(text);
  return parts;
}

function refuse(source) {
  if (!SUSPECT.test(source)) return;
  if (/\.\s*constructor/.test(source)) throw new ExpressionError('Expression contains invalid constructor function call');
  const found = tokens(source);
  if (found === null) throw new ExpressionError('invalid syntax');
  for (const { kind, text } of found) {
    if (kind === 'name' && BEHIND.has(text)) throw forbidden(text);
    if (kind === 'name' && text === 'import') throw new ExpressionError('An expression cannot load modules');
  }
}

/** Throw unless the source is one expression by itself: it must stand in ( ) and in [ ] alike. */
function checkAlone(source, names) {
  try {
    makeFunction(...names, `"use strict"; return (${source}\n)`);
    makeFunction(...names, `"use strict"; return [${source}\n]`);
  } catch {
    throw new ExpressionError('invalid syntax');
  }
}

const NAME = /[$A-Za-z_][\w$]*/g;

function compileOne(raw, offered) {
  let source = raw.trim().replace(/;+\s*$/, '');
  if (source === '') throw new ExpressionError('invalid syntax');
  refuse(source);
  const used = [...new Set(source.match(NAME) ?? [])].filter((name) => offered.has(name));
  checkAlone(source, used);
  const changes = CHANGES.test(source);
  if (EXTENSION_CALL.test(source)) source = withExtensions(source, EXTENSIONS);
  const run = makeFunction('$$ext', '$$optional', ...used, `"use strict"; return (${source}\n)`);
  return { run, used, changes };
}

const compiled = new Map();

function compile(template, offered) {
  const key = S.extraKey + template;
  let made = compiled.get(key);
  if (made === undefined) {
    const text = template.startsWith('=') ? template.slice(1) : template;
    made = split(text).map((part) => (typeof part === 'string' ? part : compileOne(part.source, offered)));
    if (compiled.size > 2000) compiled.clear();
    compiled.set(key, made);
  }
  return made;
}

/** What is wrong with a template's grammar, or an empty text; nothing of it is run. */
function grammar(template) {
  try {
    for (const part of split(template.startsWith('=') ? template.slice(1) : template)) {
      if (typeof part !== 'string') compileOne(part.source, new Set());
    }
    return '';
  } catch (error) {
    return String(error.message);
  }
}

const EMPTY_THIS = {};

/** A compiled part made ready for one batch: called without arguments, for the item at S.index. */
function bind(part, names) {
  const { run, used, changes } = part;
  const valueOf = (name) => (nativeObject.hasOwn(DATE_NAMES, name) ? DATE_NAMES[name]() : names[name]);
  const values = [callExtension, callOptional, ...used.map(valueOf)];
  const slots = [];
  used.forEach((name, i) => { if (nativeObject.hasOwn(ITEM_NAMES, name)) slots.push([i + 2, ITEM_NAMES[name]]); });
  return () => {
    if (changes) S.copies = new Map();
    try {
      for (const [at, get] of slots) values[at] = get();
      return run.apply(EMPTY_THIS, values);
    } finally {
      if (changes) S.copies = null;
    }
  };
}

function asText(value) {
  switch (typeof value) {
    case 'string': return value;
    case 'undefined': return '';
    case 'number': return Number.isNaN(value) ? '' : String(value);
    case 'function': throw new ExpressionError('this is a function, please add ()');
    default: return value === null ? '' : String(value);
  }
}

/** A function that gives the template's value for the item at S.index. */
function evaluator(template, names, offered, swallow) {
  const parts = compile(template, offered).map((part) => (typeof part === 'string' ? part : bind(part, names)));
  const guarded = (part, then) => {
    try {
      return then(part());
    } catch (error) {
      if (error instanceof ExpressionError || S.scope.strict) throw error;
      swallow(error);
      return then(undefined);
    }
  };
  if (parts.length === 1) {
    const [only] = parts;
    return typeof only === 'string' ? () => only : () => guarded(only, (value) => value);
  }
  return () => {
    let made = '';
    for (const part of parts) made += typeof part === 'string' ? part : guarded(part, asText);
    return made;
  };
}

function offeredNames(names) {
  return new Set([...nativeObject.keys(names), ...nativeObject.keys(ITEM_NAMES), ...nativeObject.keys(DATE_NAMES),
    ...nativeObject.keys(DENIED)]);
}

/** The value as JSON can carry it; what JSON would lose is noted in `odd`. */
function carried(value, index, odd) {
  switch (typeof value) {
    case 'string':
      if (value.length > MOST_TEXT) throw new ExpressionError('The result is too large');
      return value;
    case 'boolean': return value;
    case 'number':
      if (Number.isFinite(value)) return value;
      odd[index] = `number ${value}`;
      return null;
    case 'undefined': odd[index] = 'undefined'; return null;
    case 'bigint': odd[index] = 'bigint'; return String(value);
    case 'symbol': odd[index] = 'symbol'; return null;
    case 'function': throw new ExpressionError('this is a function, please add ()');
    default:
  }
  if (value === null) return null;
  if (typeof value.then === 'function') throw new ExpressionError('An expression cannot wait for a promise');
  if (value instanceof String || value instanceof Number || value instanceof Boolean) return {};
  return value;
}

const messageOf = (error) => {
  try {
    return String(error instanceof Error ? error.message : error).slice(0, 2000);
  } catch {
    return 'unknown error';
  }
};
const errorOf = (error) => [messageOf(error), error instanceof ExpressionError ? error.description : ''];

/** JSON text of a column's values; a value that cannot be written becomes an error of its item. */
function written(values, indexes, errors) {
  try {
    return marked(values);
  } catch {
    return `[${values.map((value, n) => {
      try {
        return marked(value) ?? 'null';
      } catch (error) {
        const circular = error instanceof TypeError && /circular/i.test(messageOf(error));
        errors[indexes[n]] = [circular ? 'The result holds itself' : `The result cannot be written: ${messageOf(error)}`, ''];
        return 'null';
      }
    }).join()}]`;
  }
}

function column(template, indexes, names, offered) {
  const [values, odd, errors, swallowed] = [[], {}, {}, {}];
  let evaluate;
  try {
    evaluate = evaluator(template, names, offered, (error) => { swallowed[S.index] = messageOf(error); });
  } catch (error) {
    return `{"v":[],"all":${stringify(errorOf(error))}}`;
  }
  for (const index of indexes) {
    S.index = index;
    let value = null;
    try {
      value = carried(evaluate(), index, odd);
    } catch (error) {
      errors[index] = errorOf(error);
    }
    values.push(value);
  }
  const text = written(values, indexes, errors);
  return `{"v":${text},"o":${stringify(odd)},"e":${stringify(errors)},"s":${stringify(swallowed)}}`;
}

function batch({ templates, indexes }) {
  const names = { ...DENIED, ...batchNames() };
  const offered = offeredNames(names);
  S.now = undefined;
  S.memo.clear();
  return `[${templates.map((template) => column(template, indexes, names, offered)).join()}]`;
}

let depth = 0;

/** Evaluate a template for the item at work, from inside user text. */
function evaluateNow(template) {
  if (depth > 20) throw new ExpressionError('Expressions refer to each other in a circle');
  depth += 1;
  const { copies } = S;
  try {
    const names = { ...DENIED, ...batchNames() };
    return evaluator(template, names, offeredNames(names), () => {})();
  } finally {
    depth -= 1;
    S.copies = copies;
  }
}

function evaluateAt(template, index) {
  const before = S.index;
  S.index = index;
  try {
    return evaluateNow(template.startsWith('=') ? template : `=${template}`);
  } finally {
    S.index = before;
  }
}
