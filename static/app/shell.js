// What every page does: menu, theme, shortcuts, relative times, copying, confirming.
const ago = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' });
const STEPS = [['second', 60], ['minute', 60], ['hour', 24], ['day', 7], ['week', 52], ['year', Infinity]];

function relative(moment) {
  let amount = (moment - Date.now()) / 1000;
  for (const [unit, size] of STEPS) {
    if (Math.abs(amount) < size) return ago.format(Math.trunc(amount), unit);
    amount /= size;
  }
  return '';
}

function left(moment) {
  const seconds = (moment - Date.now()) / 1000;
  if (seconds > 365 * 86400) return 'for good';
  if (seconds < 60) return seconds > 0 ? 'for less than a minute' : 'until just now';
  for (const [unit, size] of [['d', 86400], ['h', 3600], ['min', 60]]) {
    if (seconds >= size) return `for ${Math.round(seconds / size)} ${unit}`;
  }
  return '';
}

function tellTimes(root) {
  for (const element of root.querySelectorAll('time[data-ago]')) {
    const moment = new Date(element.dateTime);
    element.textContent = relative(moment);
    element.title = moment.toLocaleString();
  }
  for (const element of root.querySelectorAll('time[data-left]')) {
    const moment = new Date(element.dateTime);
    element.textContent = left(moment);
    element.title = moment.toLocaleString();
  }
  for (const element of root.querySelectorAll('time[data-clock]')) {
    element.textContent = new Date(element.dateTime).toLocaleString();
  }
}

function toggleMenu(button) {
  const menu = document.getElementById(button.getAttribute('aria-controls'));
  const open = menu.classList.toggle('show');
  button.setAttribute('aria-expanded', String(open));
}

function closeMenu() {
  const button = document.querySelector('[data-menu][aria-expanded="true"]');
  if (!button) return;
  toggleMenu(button);
  button.focus();
}

// Browsers offer the clipboard on https and localhost only; elsewhere a selection is copied.
function copySelected(text) {
  const before = document.activeElement;
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'visually-hidden';
  document.body.append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  before?.focus();
  return done;
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copySelected(text);
  }
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  const label = button.querySelector('[data-label]');
  const before = label.dataset.before ?? label.textContent;
  label.dataset.before = before;
  const done = await copied(source.value ?? source.textContent);
  if (!done) source.select?.();
  label.textContent = done ? 'Copied' : 'Press Ctrl+C';
  setTimeout(() => { label.textContent = before; }, 3000);
}

document.addEventListener('click', (event) => {
  const on = (selector) => event.target.closest(selector);
  if (on('[data-theme-toggle]')) window.whooshTheme.toggle();
  if (on('[data-menu]')) toggleMenu(on('[data-menu]'));
  if (on('[data-copy]')) copy(on('[data-copy]'));
});

document.addEventListener('submit', (event) => {
  const question = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') closeMenu();
  const typing = event.target.closest('input, textarea, select, [contenteditable]');
  if (event.key === '/' && !typing) {
    const search = document.getElementById('search');
    if (search) {
      event.preventDefault();
      search.focus();
    }
  }
  const sends = event.key === 'Enter' && (event.ctrlKey || event.metaKey);
  if (sends && event.target.matches('textarea[data-sends]')) event.target.form.requestSubmit();
});

document.addEventListener('change', (event) => {
  if (event.target.matches('[data-submits]')) event.target.form.requestSubmit();
  if (event.target.matches('[data-ticks]')) {
    for (const box of document.getElementsByName(event.target.dataset.ticks)) box.checked = event.target.checked;
  }
  if (event.target.matches('select[name="theme"]')) window.whooshTheme.follow(event.target.value);
});

document.addEventListener('focusin', (event) => {
  if (event.target.id === 'fresh-key') event.target.select();
});

document.addEventListener('DOMContentLoaded', () => tellTimes(document));
document.addEventListener('htmx:after:swap', () => tellTimes(document));
setInterval(() => tellTimes(document), 10_000);
