// The hosted chat: sends each message as JSON to its own address, and shows what is answered.
const talk = document.getElementById('talk');
const form = document.getElementById('say');
const words = document.getElementById('words');
const session = document.getElementById('chat').dataset.session;

function add(text, mine) {
  const line = document.createElement('p');
  line.className = mine ? 'mine' : '';
  line.textContent = text;
  talk.append(line);
  line.scrollIntoView({ block: 'end' });
  return line;
}

function said(answer) {
  if (typeof answer === 'string') return answer;
  const first = Array.isArray(answer) ? answer[0] : answer;
  const text = first && (first.output ?? first.text ?? first.message);
  return typeof text === 'string' ? text : JSON.stringify(answer, null, 2);
}

async function ask(text) {
  const body = JSON.stringify({ action: 'sendMessage', sessionId: session, chatInput: text });
  const answer = await fetch(location.href, {
    method: 'POST', body, headers: { 'Content-Type': 'application/json' },
  });
  const found = await answer.text();
  let value = found;
  try { value = JSON.parse(found); } catch { /* plain text */ }
  if (!answer.ok) throw new Error(said(value));
  return said(value);
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const text = words.value.trim();
  if (!text) return;
  add(text, true);
  words.value = '';
  const line = add('…', false);
  const button = form.querySelector('button');
  button.disabled = true;
  try {
    line.textContent = await ask(text);
  } catch (error) {
    line.textContent = `That did not work: ${error.message}`;
  }
  button.disabled = false;
  words.focus();
});

words.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    form.requestSubmit();
  }
});
