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

function tellTimes(root) {
  for (const element of root.querySelectorAll('time[data-ago]')) {
    const moment = new Date(element.dateTime);
    element.textContent = relative(moment);
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

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  await navigator.clipboard.writeText(source.value ?? source.textContent);
  button.querySelector('[data-label]').textContent = 'Copied';
}

document.addEventListener('click', (event) => {
  const on = (selector) => event.target.closest(selector);
  if (on('[data-theme-toggle]')) window.whooshTheme.toggle();
  if (on('[data-menu]')) toggleMenu(on('[data-menu]'));
  if (on('[data-copy]')) copy(on('[data-copy]'));
});

document.addEventListener('submit', (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

document.addEventListener('keydown', (event) => {
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
  if (event.target.matches('select[name="theme"]')) window.whooshTheme.follow(event.target.value);
});

document.addEventListener('DOMContentLoaded', () => tellTimes(document));
document.addEventListener('htmx:after:swap', () => tellTimes(document));
setInterval(() => tellTimes(document), 10_000);
