// The answer of a running call, piece by piece. `at` says where a piece belongs, so pieces heard
// twice are skipped; a higher attempt starts the answer anew.
document.addEventListener('DOMContentLoaded', () => {
  const area = document.querySelector('[data-stream]');
  if (!area) return;
  const text = area.querySelector('[data-text]');
  const thinking = area.querySelector('[data-thinking]');
  let attempt = 0;
  let length = 0;
  let thought = 0;

  area.addEventListener('live:data', (event) => {
    for (const piece of event.detail) {
      if (piece.attempt > attempt) {
        attempt = piece.attempt;
        length = 0;
        thought = 0;
        text.textContent = '';
        thinking.textContent = '';
      }
      if (piece.attempt < attempt) continue;
      if (piece.at >= length) {
        text.append(piece.text);
        length = piece.at + [...piece.text].length; // characters as the server counts them
      }
      if (piece.thought_at >= thought) {
        thinking.append(piece.thinking);
        thought = piece.thought_at + [...piece.thinking].length;
      }
      thinking.closest('details').hidden = !thought;
    }
  });
});
