// Runs before the first paint: light, dark, or what the system prefers.
(() => {
  const root = document.documentElement;
  const system = matchMedia('(prefers-color-scheme: dark)');

  function apply() {
    const wish = localStorage.getItem('theme') || root.dataset.wish || 'auto';
    const theme = wish === 'auto' ? (system.matches ? 'dark' : 'light') : wish;
    root.dataset.bsTheme = theme;
    root.dataset.theme = theme; // Django admin reads this one
  }

  system.addEventListener('change', apply);
  window.whooshTheme = {
    toggle() {
      localStorage.setItem('theme', root.dataset.bsTheme === 'dark' ? 'light' : 'dark');
      apply();
    },
    follow(wish) {
      localStorage.removeItem('theme');
      root.dataset.wish = wish;
      apply();
    },
  };
  apply();
})();
