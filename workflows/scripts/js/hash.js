// Digests of text in plain JavaScript: nothing outside the engine can be asked.

const hex = (bytes) => bytes.map((one) => one.toString(16).padStart(2, '0')).join('');
const turn = (value, by) => (value << by) | (value >>> (32 - by));

/** The message with its padding: a one, zeros, and the length in bits. */
function padded(bytes, block, lengthBytes, big) {
  const made = [...bytes, 0x80];
  while (made.length % block !== block - lengthBytes) made.push(0);
  const bits = bytes.length * 8;
  const length = [];
  for (let i = 0; i < lengthBytes; i += 1) length.push(Math.floor(bits / 2 ** (8 * i)) % 256);
  return made.concat(big ? length.reverse() : length);
}

const word = (bytes, at, big) => (big
  ? (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]
  : bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24));
const spread = (words, big) => words.flatMap((one) => {
  const made = [one & 255, (one >>> 8) & 255, (one >>> 16) & 255, one >>> 24];
  return big ? made.reverse() : made;
});

const MD5_TURNS = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];

function md5(bytes) {
  const message = padded(bytes, 64, 8, false);
  const state = [0x67452301, 0xefcdab89 | 0, 0x98badcfe | 0, 0x10325476];
  for (let at = 0; at < message.length; at += 64) {
    let [a, b, c, d] = state;
    for (let i = 0; i < 64; i += 1) {
      const round = i >> 4;
      const f = [(b & c) | (~b & d), (d & b) | (~d & c), b ^ c ^ d, c ^ (b | ~d)][round];
      const g = [i, 5 * i + 1, 3 * i + 5, 7 * i][round] % 16;
      const k = Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32) | 0;
      const sum = (a + f + k + word(message, at + 4 * g, false)) | 0;
      [a, d, c, b] = [d, c, b, (b + turn(sum, MD5_TURNS[round][i % 4])) | 0];
    }
    [a, b, c, d].forEach((one, i) => { state[i] = (state[i] + one) | 0; });
  }
  return spread(state, false);
}

function sha1(bytes) {
  const message = padded(bytes, 64, 8, true);
  const state = [0x67452301, 0xefcdab89 | 0, 0x98badcfe | 0, 0x10325476, 0xc3d2e1f0 | 0];
  for (let at = 0; at < message.length; at += 64) {
    const w = [];
    for (let i = 0; i < 80; i += 1) {
      w.push(i < 16 ? word(message, at + 4 * i, true) : turn(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1));
    }
    let [a, b, c, d, e] = state;
    for (let i = 0; i < 80; i += 1) {
      const round = Math.floor(i / 20);
      const f = [(b & c) | (~b & d), b ^ c ^ d, (b & c) | (b & d) | (c & d), b ^ c ^ d][round];
      const k = [0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6][round];
      [a, b, c, d, e] = [(turn(a, 5) + f + e + k + w[i]) | 0, a, turn(b, 30), c, d];
    }
    [a, b, c, d, e].forEach((one, i) => { state[i] = (state[i] + one) | 0; });
  }
  return spread(state, true);
}

const primes = (count) => {
  const found = [];
  for (let n = 2; found.length < count; n += 1) if (found.every((p) => n % p !== 0)) found.push(n);
  return found;
};

/** The first 64 binary places of a root of a small number, exactly. */
function rootPlaces(value, degree) {
  const wanted = BigInt(value) << BigInt(64 * degree);
  let low = 0n;
  let high = 1n << 70n;
  while (high - low > 1n) {
    const middle = (low + high) >> 1n;
    if (middle ** BigInt(degree) <= wanted) low = middle;
    else high = middle;
  }
  return BigInt.asUintN(64, low);
}

const SHA2 = {
  32: { rounds: 64, block: 64, big: [7n, 18n, 3n, 17n, 19n, 10n], main: [6n, 11n, 25n, 2n, 13n, 22n] },
  64: { rounds: 80, block: 128, big: [1n, 8n, 7n, 19n, 61n, 6n], main: [14n, 18n, 41n, 28n, 34n, 39n] },
};
const SHA224 = [0xc1059ed8n, 0x367cd507n, 0x3070dd17n, 0xf70e5939n, 0xffc00b31n, 0x68581511n, 0x64f98fa7n, 0xbefa4fa4n];

function sha2(bytes, size, start, length) {
  const { rounds, block, big, main } = SHA2[size];
  const bits = BigInt(size);
  const cut = (value) => BigInt.asUintN(size, value);
  const rotate = (value, by) => cut((value >> by) | (value << (bits - by)));
  const keys = primes(rounds).map((p) => rootPlaces(p, 3) >> (64n - bits));
  const message = padded(bytes, block, block / 8, true);
  const state = [...start];
  for (let at = 0; at < message.length; at += block) {
    const w = [];
    for (let i = 0; i < rounds; i += 1) {
      if (i < 16) {
        const from = at + (i * size) / 8;
        w.push(BigInt(`0x${hex(message.slice(from, from + size / 8))}`));
        continue;
      }
      const [x, y] = [w[i - 15], w[i - 2]];
      const s0 = rotate(x, big[0]) ^ rotate(x, big[1]) ^ (x >> big[2]);
      const s1 = rotate(y, big[3]) ^ rotate(y, big[4]) ^ (y >> big[5]);
      w.push(cut(w[i - 16] + s0 + w[i - 7] + s1));
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < rounds; i += 1) {
      const s1 = rotate(e, main[0]) ^ rotate(e, main[1]) ^ rotate(e, main[2]);
      const t1 = h + s1 + ((e & f) ^ (cut(~e) & g)) + keys[i] + w[i];
      const s0 = rotate(a, main[3]) ^ rotate(a, main[4]) ^ rotate(a, main[5]);
      const t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
      [a, b, c, d, e, f, g, h] = [cut(t1 + t2), a, b, c, cut(d + t1), e, f, g];
    }
    [a, b, c, d, e, f, g, h].forEach((one, i) => { state[i] = cut(state[i] + one); });
  }
  return state.map((one) => one.toString(16).padStart(size / 4, '0')).join('').slice(0, length);
}

const sqrtStart = (from, size) => primes(from + 8).slice(from).map((p) => rootPlaces(p, 2) >> BigInt(64 - size));

function sha3(bytes) {
  const rate = 72;
  const message = [...bytes, 0x06];
  while (message.length % rate !== 0) message.push(0);
  message[message.length - 1] |= 0x80;
  const state = Array(25).fill(0n);
  const cut = (value) => BigInt.asUintN(64, value);
  const rotate = (value, by) => cut((value << by) | (value >> (64n - by)));
  for (let at = 0; at < message.length; at += rate) {
    for (let i = 0; i < rate / 8; i += 1) {
      state[i] ^= BigInt(`0x${hex(message.slice(at + 8 * i, at + 8 * i + 8).reverse())}`);
    }
    let lfsr = 1;
    for (let round = 0; round < 24; round += 1) {
      const c = [0, 1, 2, 3, 4].map((x) => state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20]);
      for (let i = 0; i < 25; i += 1) state[i] ^= c[(i + 4) % 5] ^ rotate(c[(i + 1) % 5], 1n);
      let [x, y, moved] = [1, 0, state[1]];
      for (let t = 0; t < 24; t += 1) {
        [x, y] = [y, (2 * x + 3 * y) % 5];
        const next = state[x + 5 * y];
        state[x + 5 * y] = rotate(moved, BigInt((((t + 1) * (t + 2)) / 2) % 64));
        moved = next;
      }
      for (let row = 0; row < 25; row += 5) {
        const line = state.slice(row, row + 5);
        for (let i = 0; i < 5; i += 1) state[row + i] = line[i] ^ (cut(~line[(i + 1) % 5]) & line[(i + 2) % 5]);
      }
      for (let j = 0; j < 7; j += 1) {
        if (lfsr & 1) state[0] ^= 1n << BigInt(2 ** j - 1);
        lfsr = lfsr & 0x80 ? ((lfsr << 1) ^ 0x171) : lfsr << 1;
      }
    }
  }
  return state.slice(0, 8).map((one) => one.toString(16).padStart(16, '0').match(/../g).reverse().join('')).join('');
}

const ALGORITHMS = {
  md5: (bytes) => hex(md5(bytes)),
  sha1: (bytes) => hex(sha1(bytes)),
  sha224: (bytes) => sha2(bytes, 32, SHA224, 56),
  sha256: (bytes) => sha2(bytes, 32, sqrtStart(0, 32), 64),
  sha384: (bytes) => sha2(bytes, 64, sqrtStart(8, 64), 96),
  sha512: (bytes) => sha2(bytes, 64, sqrtStart(0, 64), 128),
  sha3: sha3,
  base64: toBase64,
};

function hashed(text, algorithm) {
  if (!nativeObject.hasOwn(ALGORITHMS, algorithm)) {
    fail(`Unknown algorithm ${algorithm}. Available algorithms are: ${nativeObject.keys(ALGORITHMS)}`);
  }
  return ALGORITHMS[algorithm](bytesOf(text));
}
