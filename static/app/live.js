// Live pages: the socket says what changed, the page fetches those parts again.
//
// <tbody id="rows" data-live="agents" data-fragment="rows"> is fetched again from this page's own
// address when "agents" changes, at most once a second; data-src names another address, data-every
// fetches by itself after so many seconds. Pieces of a stream reach elements with data-stream as
// "live:data" events. What changes while nobody looks is fetched when somebody looks again.
(() => {
  const PAUSE = 1000;
  const waiting = new Map();
  let seq = Number(document.documentElement.dataset.seq || 0); // everything up to here was seen
  let tick = 0; // under which number parts are fetched
  let socket = null;
  let watched = ''; // what the server was told this page watches

  function topics() {
    const found = new Set();
    for (const element of document.querySelectorAll('[data-live]')) {
      element.dataset.live.split(/\s+/).forEach((topic) => found.add(topic));
    }
    for (const element of document.querySelectorAll('[data-stream]')) found.add(element.dataset.stream);
    return [...found].filter(Boolean);
  }

  function address(element) {
    const url = new URL(element.dataset.src || location.href, location.href);
    url.searchParams.set('fragment', element.dataset.fragment || 'panel');
    url.searchParams.set('tick', String(tick));
    url.hash = '';
    return url.pathname + url.search;
  }

  function fetchAgain(id) {
    if (document.hidden) return; // it goes on waiting
    clearTimeout(waiting.get(id));
    waiting.delete(id);
    const element = document.getElementById(id);
    if (!element) return;
    if (element.contains(document.activeElement) && document.activeElement.matches('input:not([type=checkbox]), select, textarea')) {
      schedule(element);
      return;
    }
    window.htmx.ajax('GET', address(element), { source: element, target: element, swap: 'outerMorph' });
  }

  function schedule(element) {
    const now = Date.now();
    const last = Number(element.dataset.fetched || 0);
    if (waiting.has(element.id)) return;
    element.dataset.fetched = String(Math.max(now, last + PAUSE));
    waiting.set(element.id, setTimeout(fetchAgain, Math.max(0, last + PAUSE - now), element.id));
  }

  function hear(message) {
    seq = Math.max(seq, message.seq);
    tick = Math.max(tick, message.tick);
    const changed = new Set(message.changed);
    for (const element of document.querySelectorAll('[data-live]')) {
      if (element.dataset.live.split(/\s+/).some((topic) => changed.has(topic))) schedule(element);
    }
    for (const [topic, pieces] of Object.entries(message.data || {})) {
      for (const element of document.querySelectorAll(`[data-stream="${topic}"]`)) {
        element.dispatchEvent(new CustomEvent('live:data', { detail: pieces, bubbles: true }));
      }
    }
  }

  function show(state) {
    document.documentElement.dataset.live = state;
    const sign = document.getElementById('live-state');
    if (!sign || sign.dataset.said === state) return;
    sign.dataset.said = state;
    sign.title = state === 'on' ? 'Live' : 'Connecting…';
    sign.querySelector('[data-words]').textContent = sign.title;
  }

  // A stream that begins to be drawn wants its pieces from the start, also where its topic was
  // watched before.
  function drawn() {
    const streams = [...document.querySelectorAll('[data-stream]')].map((element) => element.dataset.stream);
    return [...topics(), '|', ...streams].join(' ');
  }

  function watch() {
    watched = drawn();
    socket.send(JSON.stringify({ watch: topics(), since: seq }));
  }

  document.addEventListener('htmx:ws:after:connection', (event) => {
    socket = event.detail.connection.socket;
    watch();
    show('on');
  });
  document.addEventListener('htmx:after:swap', () => {
    const open = socket?.readyState === WebSocket.OPEN;
    if (open && drawn() !== watched) watch();
  });
  document.addEventListener('htmx:ws:close', (event) => {
    show('off');
    if (event.detail.code === 4401) location.reload(); // signed out: the server shows the way
  });
  document.addEventListener('htmx:ws:before:message:incoming', (event) => {
    hear(JSON.parse(event.detail.message.data));
    event.detail.cancelled = true;
  });
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) [...waiting.keys()].forEach(fetchAgain);
  });
  setInterval(() => {
    for (const element of document.querySelectorAll('[data-every]')) {
      const due = Number(element.dataset.fetched || element.dataset.shown) + element.dataset.every * 1000;
      if (!element.dataset.shown) element.dataset.shown = String(Date.now());
      else if (Date.now() > due) schedule(element);
    }
  }, 1000);
})();
