// The one door: a request as JSON text comes in, its answer as JSON text goes out.

function take(request) {
  if (request.scope !== undefined) {
    S.scope = request.scope;
    S.extraKey = nativeObject.keys(S.scope.extra ?? {}).sort().join() + '\n';
    if (loaded !== null) setZone(loaded.Settings);
  }
  if (request.items !== undefined) {
    if (request.at === undefined) S.items = request.items;
    else {
      S.items = [];
      request.at.forEach((index, n) => { S.items[index] = request.items[n]; });
    }
  }
  if (request.all !== undefined) S.all = request.all;
  for (const [name, run, outputs, pairs, sources] of request.past ?? []) {
    if (!S.past.has(name)) S.past.set(name, []);
    S.past.get(name)[run] = { outputs, pairs, sources };
  }
  if (request.refs !== undefined) S.refs = new Map(nativeObject.entries(request.refs));
}

return function main(text) {
  if (text === '') return outcome();
  if (text === '\u0002') return remember();
  if (text === '\u0003') return asNew();
  if (text.startsWith('\u0001')) {
    MARK = text;
    MARK_JSON = stringify(text).slice(1, -1);
    return '';
  }
  const request = read(text);
  if (request.check !== undefined) return stringify(request.check.map(grammar));
  take(request);
  return request.code === undefined ? batch(request.batch) : startCode(request.code);
};
