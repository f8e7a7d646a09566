// The methods n8n adds to values in expressions, by type. Each takes the value first.

class ExtensionError extends ExpressionError {
  constructor(message) {
    super(message);
    this.name = 'ExpressionExtensionError';
  }
}

const fail = (message) => { throw new ExtensionError(message); };
const nothing = () => undefined;

/** A text by which equal values are equal, whatever the order of their keys. */
function identity(value) {
  if (value === null || typeof value !== 'object') return `${typeof value}:${String(value)}`;
  if (value instanceof Date || isDateTime(value)) return `date:${value.valueOf()}`;
  if (Array.isArray(value)) return `[${value.map(identity).join()}]`;
  return `{${nativeObject.keys(value).sort().map((key) => `${stringify(key)}:${identity(value[key])}`).join()}}`;
}

// -- dates ----------------------------------------------------------------------------------------

const inZone = (value) => (isDateTime(value) ? value : luxon().DateTime.fromJSDate(value));
const like = (original, value) => (isDateTime(original) ? value : value.toJSDate());

function asDateTime(value, what = 'date') {
  if (isDateTime(value)) return value;
  if (value instanceof Date) return luxon().DateTime.fromJSDate(value);
  if (typeof value === 'number') return luxon().DateTime.fromMillis(value);
  if (typeof value === 'string') {
    const found = luxon().DateTime.fromISO(value);
    return found.isValid ? found : textToDateTime(value);
  }
  return fail(`expected a ${what}`);
}

function span(amount, unit) {
  if (isDuration(amount) || isPlain(amount)) return amount;
  if (unit === undefined) return { milliseconds: Number(amount) };
  return { [unit]: Number(amount) };
}

const UNITS = {
  year: 'year', yearDayNumber: 'ordinal', dayOfYear: 'ordinal', yearday: 'ordinal', week: 'weekNumber',
  weekNumber: 'weekNumber', weekYear: 'weekYear', weekDay: 'weekday', dayOfWeek: 'weekday',
};

const shift = (value, amount, unit, sign) => {
  const by = span(amount, unit);
  return like(value, sign > 0 ? inZone(value).plus(by) : inZone(value).minus(by));
};

const dates = {
  beginningOf: (value, unit = 'week') => like(value, inZone(value).startOf(unit)),
  endOfMonth: (value) => like(value, inZone(value).endOf('month')),
  extract: (value, part = 'week') => inZone(value).get(UNITS[part] ?? part),
  format: (value, format = 'ff', options = {}) => inZone(value).toFormat(format, options),
  isBetween: (value, first, second) => {
    if (first === undefined || second === undefined) return fail('isBetween(): expected two args');
    const [a, b] = [asDateTime(first), asDateTime(second)];
    const at = inZone(value);
    return a < b ? a < at && at < b : b < at && at < a;
  },
  isDst: (value) => inZone(value).isInDST,
  isInLast: (value, amount = 0, unit = 'minutes') => {
    const at = inZone(value);
    const now = luxon().DateTime.now();
    return now.minus({ [unit]: amount }) <= at && at <= now;
  },
  isWeekend: (value) => inZone(value).weekday > 5,
  minus: (value, amount, unit) => shift(value, amount, unit, -1),
  plus: (value, amount, unit) => shift(value, amount, unit, 1),
  diffTo: (value, other, units = 'days') => {
    const list = [units].flat();
    const found = inZone(value).diff(asDateTime(other), list);
    return Array.isArray(units) && units.length > 1 ? found.toObject() : found.as(list[0]);
  },
  diffToNow: (value, units = 'days') => dates.diffTo(luxon().DateTime.now(), inZone(value), units),
  equals: (value, other) => inZone(value).equals(asDateTime(other)),
  toLocaleString: (value, ...rest) => inZone(value).toLocaleString(...rest),
  toRelative: (value, options) => inZone(value).toRelative(options),
  toTimeFromNow: (value) => inZone(value).toRelative(),
  isEmpty: () => false,
  isNotEmpty: () => true,
  toDate: (value) => (isDateTime(value) ? value.toJSDate() : value),
  toDateTime: (value) => inZone(value),
  toInt: (value) => value.valueOf(),
  toFloat: (value) => value.valueOf(),
  toNumber: (value) => value.valueOf(),
  toBoolean: nothing,
};

function textToDateTime(text, format) {
  const wrong = () => fail('cannot convert to Luxon DateTime');
  const value = String(text).trim();
  if (format !== undefined) {
    const found = luxon().DateTime.fromFormat(value, format);
    return found.isValid ? found : wrong();
  }
  for (const parse of [luxon().DateTime.fromISO, luxon().DateTime.fromRFC2822, luxon().DateTime.fromHTTP, luxon().DateTime.fromSQL]) {
    const found = parse(value, { setZone: true });
    if (found.isValid) return found;
  }
  const found = luxon().DateTime.fromJSDate(new Date(value));
  return found.isValid ? found : wrong();
}

function numberToDateTime(value, format = 'ms') {
  switch (format) {
    case 'ms': return luxon().DateTime.fromMillis(value);
    case 's': return luxon().DateTime.fromSeconds(value);
    case 'us': return luxon().DateTime.fromMillis(value / 1000);
    case 'excel': return luxon().DateTime.fromMillis(Math.round((value - 25569) * 86400000));
    default: return fail(`Unsupported format '${format}'. toDateTime() supports 'ms', 's', 'us' and 'excel'.`);
  }
}

// -- text -----------------------------------------------------------------------------------------

const EMAIL = /[\w.!#$%&'*+\/=?^`{|}~-]+@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]/;
const URL_TEXT = /(?:https?|ftp|file):\/\/(?:\d{1,3}(?:\.\d{1,3}){3}|[\p{L}\p{N}_](?:[\p{L}\p{N}_-]*\.)+[\p{L}][\p{L}\p{N}-]+|localhost)(?::\d{1,5})?(?:[\/?#][^\s"'<>]*)?/iu;
const DOMAIN = /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+(?:xn--[A-Za-z0-9-]+|[A-Za-z]{2,63})(?::\d{1,5})?$/;
const LETTERS = { ß: 'ss', æ: 'ae', Æ: 'AE', ø: 'o', Ø: 'O', œ: 'oe', Œ: 'OE', đ: 'd', Đ: 'D', ł: 'l', Ł: 'L', þ: 'th', Þ: 'TH', ð: 'd', Ð: 'D', ı: 'i' };

const bytesOf = (text) => {
  const escaped = encodeURIComponent(text.toWellFormed());
  const found = [];
  for (let i = 0; i < escaped.length; i += 1) {
    if (escaped[i] === '%') {
      found.push(parseInt(escaped.slice(i + 1, i + 3), 16));
      i += 2;
    } else found.push(escaped.charCodeAt(i));
  }
  return found;
};

const textOf = (bytes) => {
  let made = '';
  for (let i = 0; i < bytes.length;) {
    const first = bytes[i];
    const more = first < 0x80 ? 0 : first >= 0xc2 && first < 0xe0 ? 1 : first >= 0xe0 && first < 0xf0 ? 2 : first >= 0xf0 && first < 0xf5 ? 3 : -1;
    let code = more < 0 ? -1 : first & [0x7f, 0x1f, 0x0f, 0x07][more];
    for (let k = 1; k <= more && code >= 0; k += 1) {
      const next = bytes[i + k];
      code = next !== undefined && (next & 0xc0) === 0x80 ? (code << 6) | (next & 0x3f) : -1;
    }
    made += code < 0 || code > 0x10ffff ? '\ufffd' : String.fromCodePoint(code);
    i += code < 0 ? 1 : more + 1;
  }
  return made;
};

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

function toBase64(bytes) {
  let made = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const [a, b, c] = [bytes[i], bytes[i + 1], bytes[i + 2]];
    made += BASE64[a >> 2] + BASE64[((a & 3) << 4) | ((b ?? 0) >> 4)];
    made += b === undefined ? '=' : BASE64[((b & 15) << 2) | ((c ?? 0) >> 6)];
    made += c === undefined ? '=' : BASE64[c & 63];
  }
  return made;
}

function fromBase64(text) {
  const found = [];
  let bits = 0;
  let held = 0;
  for (const char of text) {
    const value = BASE64.indexOf(char === '-' ? '+' : char === '_' ? '/' : char);
    if (value < 0) continue;
    held = (held << 6) | value;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      found.push((held >> bits) & 255);
      held &= (1 << bits) - 1;
    }
  }
  return found;
}

function domainOf(text) {
  const mail = EMAIL.exec(text);
  if (mail !== null && !/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return mail[0].split('@')[1];
  const address = /^[a-z][a-z0-9+.-]*:\/\/(?:[^\s\/?#@]*@)?([^\s\/?#:]+)/i.exec(text);
  if (address !== null) return address[1];
  const found = /(?:[\p{L}\p{N}_](?:[\p{L}\p{N}_-]*)\.)+[\p{L}\p{N}-]{2,}/u.exec(text);
  return found === null ? undefined : found[0];
}

function withoutMarkdown(text) {
  return text
    .replace(/^(-\s*?|\*\s*?|_\s*?){3,}\s*$/gm, '')
    .replace(/^([\s\t]*)([*\-+]|\d+\.)\s+/gm, '$1')
    .replace(/^(\n)?\s{0,3}>\s?/gm, '$1')
    .replace(/\n={2,}/g, '\n')
    .replace(/~{3}.*\n/g, '')
    .replace(/`{3}[^\n]*\n?/g, '')
    .replace(/<[^>]*>/g, '')
    .replace(/!\[(.*?)\][[(].*?[\])]/g, '$1')
    .replace(/\[(.*?)\][[(].*?[\])]/g, '$1')
    .replace(/^(\n)?\s{0,3}#{1,6}\s*( (.+))? +#+$|^(\n)?\s{0,3}#{1,6}\s*( (.+))?$/gm, (all, a, b, c, d, e, f) => (a ?? d ?? '') + (c ?? f ?? ''))
    .replace(/([*_]{1,3})(\S(?:.*?\S)?)\1/g, '$2')
    .replace(/~~(.*?)~~/g, '$1')
    .replace(/`([^`]+)`/g, '$1');
}

function toNumber(text) {
  const value = Number(text.trim());
  return text.trim() === '' || Number.isNaN(value) ? fail('cannot convert to number') : value;
}

const words = (text) => text.match(/[\p{Lu}]?[\p{Ll}\p{N}]+|[\p{Lu}\p{N}]+(?![\p{Ll}])|\p{L}+/gu) ?? [];

const strings = {
  base64Encode: (value) => toBase64(bytesOf(value)),
  base64Decode: (value) => textOf(fromBase64(value)),
  extractDomain: domainOf,
  extractEmail: (value) => EMAIL.exec(value)?.[0],
  extractUrl: (value) => URL_TEXT.exec(value)?.[0],
  extractUrlPath: (value) => {
    const found = /^[a-z][a-z0-9+.-]*:\/\/[^\s\/?#]+(\/[^?#\s]*)?/i.exec(value);
    return found === null ? undefined : found[1] ?? '/';
  },
  hash: (value, algorithm = 'md5') => hashed(value, String(algorithm).toLowerCase()),
  isDomain: (value) => DOMAIN.test(value),
  isEmail: (value) => new RegExp(`^(?:${EMAIL.source})$`).test(value),
  isEmpty: (value) => value === '',
  isNotEmpty: (value) => value !== '',
  isNumeric: (value) => value.trim() !== '' && Number.isFinite(Number(value)),
  isUrl: (value) => new RegExp(`^(?:${URL_TEXT.source})$`, 'iu').test(value),
  parseJson: (value) => {
    try {
      return parseJson(value);
    } catch {
      return fail('Parsing failed');
    }
  },
  quote: (value, mark = '"') => mark + value.replaceAll('\\', '\\\\').replaceAll(mark, `\\${mark}`) + mark,
  removeMarkdown: withoutMarkdown,
  removeTags: (value) => value.replace(/<[^>]*>/g, ''),
  replaceSpecialChars: (value) => value
    .replace(/./gu, (char) => LETTERS[char] ?? char).normalize('NFKD').replace(/\p{M}/gu, ''),
  toBoolean: (value) => !['', 'false', '0', 'no'].includes(value.trim().toLowerCase()),
  toDate: (value) => {
    const found = new Date(/^\d{4}-\d{2}-\d{2}$/.test(value) ? `${value}T00:00:00Z` : value);
    return Number.isNaN(found.getTime()) ? fail('cannot convert to date') : found;
  },
  toDateTime: textToDateTime,
  toFloat: (value) => {
    const found = parseFloat(value);
    return Number.isNaN(found) ? fail('cannot convert to float') : found;
  },
  toInt: (value, radix = 10) => {
    const found = parseInt(value, radix);
    return Number.isNaN(found) ? fail('cannot convert to integer') : found;
  },
  toJsonString: (value) => stringify(value),
  toNumber,
  toSentenceCase: (value) => value.toLowerCase()
    .replace(/(^\s*|[.!?]\s+)(\p{L})/gu, (all, before, letter) => before + letter.toUpperCase()),
  toSnakeCase: (value) => words(value).map((word) => word.toLowerCase()).join('_'),
  toTitleCase: (value) => value
    .replace(/(^|[^\p{L}\p{N}'’])(\p{L})([\p{L}\p{N}'’]*)/gu, (all, before, first, rest) => before + first.toUpperCase() + (rest === rest.toUpperCase() && rest.length > 1 ? rest : rest.toLowerCase())),
  toWholeNumber: (value, radix) => strings.toInt(value, radix),
  toDecimalNumber: (value) => strings.toFloat(value),
  urlDecode: (value, all = true) => (all ? decodeURIComponent : decodeURI)(value),
  urlEncode: (value, all = true) => (all ? encodeURIComponent : encodeURI)(value),
};
strings.stripTags = strings.removeTags;
strings.stripSpecialChars = strings.replaceSpecialChars;

// -- lists ----------------------------------------------------------------------------------------

const numeric = (list, name) => {
  if (!list.every((one) => typeof one === 'number')) {
    fail(`${name}(): all array elements must be numbers`);
  }
  return list;
};
const listOf = (other, name) => (Array.isArray(other) ? other : fail(`${name}(): expected array arg, e.g. .${name}(["a", "b"])`));

function mergedObjects(list) {
  const made = {};
  for (const one of list) {
    if (!isPlain(one)) continue;
    for (const key of nativeObject.keys(one)) if (!nativeObject.hasOwn(made, key)) made[key] = one[key];
  }
  return made;
}

function compactValue(value) {
  if (Array.isArray(value)) return arrays.compact(value);
  return isPlain(value) ? objects.compact(value) : value;
}
const isKept = (value) => value !== null && value !== undefined && value !== '';

const arrays = {
  append: (value, ...more) => value.concat(more),
  average: (value) => (value.length ? arrays.sum(numeric(value, 'average')) / value.length : 0),
  chunk: (value, size) => {
    if (typeof size !== 'number' || !(size > 0)) fail('chunk(): expected non-zero numeric arg, e.g. .chunk(5)');
    const made = [];
    for (let i = 0; i < value.length; i += size) made.push(value.slice(i, i + size));
    return made;
  },
  compact: (value) => value.filter(isKept).map(compactValue),
  difference: (value, other) => {
    const seen = new Set(listOf(other, 'difference').map(identity));
    return arrays.unique(value.filter((one) => !seen.has(identity(one))));
  },
  first: (value) => value[0],
  intersection: (value, other) => {
    const seen = new Set(listOf(other, 'intersection').map(identity));
    return arrays.unique(value.filter((one) => seen.has(identity(one))));
  },
  isEmpty: (value) => value.length === 0,
  isNotEmpty: (value) => value.length > 0,
  last: (value) => value[value.length - 1],
  max: (value) => Math.max(...numeric(value, 'max')),
  min: (value) => Math.min(...numeric(value, 'min')),
  merge: (value, other) => {
    if (other === undefined) return mergedObjects(value);
    const list = listOf(other, 'merge');
    const count = Math.min(value.length, list.length);
    return mergedObjects([...Array(count).keys()].flatMap((i) => [value[i], list[i]]));
  },
  pluck: (value, ...names) => {
    if (names.length === 0) return value;
    const found = value.filter((one) => one !== null && typeof one === 'object' && names.some((name) => name in one));
    return found.map((one) => (names.length === 1 ? one[names[0]] : names.filter((name) => name in one).map((name) => one[name])));
  },
  randomItem: (value) => value[Math.floor(Math.random() * value.length)],
  removeDuplicates: (value, ...names) => arrays.unique(value, ...names),
  renameKeys: (value, ...names) => {
    if (names.length === 0 || names.length % 2 !== 0) {
      fail('renameKeys(): expected an even amount of args: from1, to1 [, from2, to2, ...]. e.g. .renameKeys("name", "title")');
    }
    const to = new Map();
    for (let i = 0; i < names.length; i += 2) to.set(names[i], names[i + 1]);
    return value.map((one) => (isPlain(one)
      ? nativeObject.fromEntries(nativeObject.entries(one).map(([key, held]) => [to.get(key) ?? key, held])) : one));
  },
  smartJoin: (value, key, field) => {
    if (typeof key !== 'string' || typeof field !== 'string') {
      fail('smartJoin(): expected two string args, e.g. .smartJoin("name", "value")');
    }
    const made = {};
    for (const one of value) if (isPlain(one) && one[key] !== undefined) made[one[key]] = one[field];
    return made;
  },
  sum: (value) => numeric(value, 'sum').reduce((total, one) => total + one, 0),
  toJsonString: (value) => stringify(value),
  union: (value, other) => arrays.unique([...value, ...listOf(other, 'union')]),
  unique: (value, ...names) => {
    const seen = new Set();
    return value.filter((one) => {
      const key = identity(names.length && isPlain(one) ? names.map((name) => one[name]) : one);
      return !seen.has(key) && seen.add(key);
    });
  },
  toInt: nothing, toFloat: nothing, toBoolean: nothing, toDateTime: nothing, toNumber: nothing,
};

// -- numbers, booleans, objects ---------------------------------------------------------------------

const whole = (value, name) => (Number.isInteger(value) ? value : fail(`${name}() is only callable on integers`));

const numbers = {
  abs: (value) => Math.abs(value),
  ceil: (value) => Math.ceil(value),
  floor: (value) => Math.floor(value),
  format: (value, locale = 'en-US', options = {}) => new Intl.NumberFormat(locale, options).format(value),
  isEmpty: () => true, // as n8n has it: a number holds nothing one could look into
  isNotEmpty: () => false,
  isEven: (value) => whole(value, 'isEven') % 2 === 0,
  isInteger: (value) => Number.isInteger(value),
  isOdd: (value) => Math.abs(whole(value, 'isOdd') % 2) === 1,
  round: (value, places = 0) => {
    const factor = 10 ** places;
    return (Math.sign(value) * Math.round(Math.abs(value) * factor + Number.EPSILON)) / factor;
  },
  toBoolean: (value) => value !== 0,
  toDate: (value) => new Date(value),
  toDateTime: numberToDateTime,
  toFloat: (value) => value,
  toInt: (value) => Math.round(value),
  toJsonString: (value) => stringify(value),
  toNumber: (value) => value,
};

const booleans = {
  isEmpty: () => false,
  isNotEmpty: () => true,
  toBoolean: (value) => value,
  toDateTime: nothing,
  toFloat: Number,
  toInt: Number,
  toJsonString: (value) => stringify(value),
  toNumber: Number,
};

const containing = (value, name, keep) => {
  const needle = keep[0];
  if (typeof needle !== 'string' || needle === '') {
    fail(`argument of ${name}(): expected non-empty string arg, e.g. .${name}("text")`);
  }
  return nativeObject.fromEntries(nativeObject.entries(value)
    .filter(([, one]) => (typeof one === 'string' && one.includes(needle)) === keep[1]));
};

const objects = {
  compact: (value) => nativeObject.fromEntries(nativeObject.entries(value)
    .filter(([, one]) => isKept(one)).map(([key, one]) => [key, compactValue(one)])),
  hasField: (value, name) => nativeObject.hasOwn(value, name),
  isEmpty: (value) => nativeObject.keys(value).length === 0,
  isNotEmpty: (value) => nativeObject.keys(value).length > 0,
  keepFieldsContaining: (value, text) => containing(value, 'keepFieldsContaining', [text, true]),
  keys: (value) => nativeObject.keys(value),
  removeField: (value, name) => nativeObject.fromEntries(nativeObject.entries(value).filter(([key]) => key !== name)),
  removeFieldsContaining: (value, text) => containing(value, 'removeFieldsContaining', [text, false]),
  toJsonString: (value) => stringify(value),
  urlEncode: (value) => nativeObject.entries(value)
    .map((pair) => pair.map((one) => encodeURIComponent(String(one)).replaceAll('%20', '+')).join('=')).join('&'),
  values: (value) => nativeObject.values(value),
  toInt: nothing, toFloat: nothing, toBoolean: nothing, toDateTime: nothing, toNumber: nothing,
};

// -- calling them ---------------------------------------------------------------------------------

const TYPES = { Array: arrays, Boolean: booleans, Date: dates, Number: numbers, Object: objects, String: strings };
for (const table of nativeObject.values(TYPES)) nativeObject.setPrototypeOf(table, null);
const EXTENSIONS = new Set(nativeObject.values(TYPES).flatMap((table) => nativeObject.keys(table)));
const EXTENSION_CALL = new RegExp(`\\.\\s*(?:${[...EXTENSIONS].join('|')})\\s*\\(`);

function tableOf(value) {
  switch (typeof value) {
    case 'string': return strings;
    case 'number': return numbers;
    case 'boolean': return booleans;
    case 'object':
      if (Array.isArray(value)) return arrays;
      if (value instanceof Date || isDateTime(value)) return dates;
      return isPlain(value) ? objects : undefined;
    default: return undefined;
  }
}

function callExtension(value, name, ...args) {
  if (value === null || value === undefined) {
    if (name === 'isEmpty') return true;
    if (name === 'isNotEmpty') return false;
    throw new TypeError(`Cannot read properties of ${value} (reading '${name}')`);
  }
  const table = tableOf(value);
  const found = table?.[name];
  // Dates take (amount, unit) where Luxon takes a duration; elsewhere what the value has itself wins.
  if (found !== undefined && (table === dates || typeof value[name] !== 'function')) {
    return found(value, ...args);
  }
  if (typeof value[name] === 'function') return value[name](...args);
  if (!isPlain(value) && table === undefined) throw new TypeError(`${name} is not a function`);
  const homes = nativeObject.keys(TYPES).filter((type) => name in TYPES[type]).map((type) => `"${type}"`);
  const listed = homes.length > 1 ? `${homes.slice(0, -1).join(', ')} and ${homes.at(-1)}` : homes[0];
  return fail(`${name}() is only callable on type${homes.length > 1 ? 's' : ''} ${listed}`);
}

const callOptional = (value, name, ...args) => (
  value === null || value === undefined ? undefined : callExtension(value, name, ...args));
