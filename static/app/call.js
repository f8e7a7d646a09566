// The answer of a running call, piece by piece. `at` says where a piece belongs, so pieces heard
// twice are skipped; a higher attempt starts the answer anew, and so does another call in the
// same place.
(() => {
  const heard = new WeakMap();

  function begin(area, attempt) {
    area.querySelector('[data-text]').textContent = '';
    area.querySelector('[data-thinking]').textContent = '';
    return { call: area.dataset.stream, attempt, length: 0, thought: 0 };
  }

  function draw(area, pieces) {
    let state = heard.get(area);
    if (state?.call !== area.dataset.stream) state = begin(area, 0);
    const text = area.querySelector('[data-text]');
    const thinking = area.querySelector('[data-thinking]');
    for (const piece of pieces) {
      if (piece.attempt > state.attempt) state = begin(area, piece.attempt);
      if (piece.attempt < state.attempt) continue;
      if (piece.at >= state.length) {
        text.append(piece.text);
        state.length = piece.at + [...piece.text].length; // characters as the server counts them
      }
      if (piece.thought_at >= state.thought) {
        thinking.append(piece.thinking);
        state.thought = piece.thought_at + [...piece.thinking].length;
      }
    }
    thinking.closest('details').hidden = !state.thought;
    heard.set(area, state);
  }

  document.addEventListener('live:data', (event) => draw(event.target, event.detail));
})();
