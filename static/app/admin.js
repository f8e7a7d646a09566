// On phones the cells of Django's lists stand below each other: each is told its column's name.
document.addEventListener('DOMContentLoaded', () => {
  const list = document.getElementById('result_list');
  if (!list) return;
  const names = [...list.querySelectorAll('thead th')].map((head) => head.querySelector('.text')?.textContent.trim() ?? '');
  for (const row of list.querySelectorAll('tbody tr')) {
    [...row.cells].forEach((cell, index) => {
      if (cell.matches('td:not(.action-checkbox)')) cell.dataset.label = names[index];
    });
  }
});
