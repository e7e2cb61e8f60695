// Samples of a recording, its spectrogram, and WAV files.

const FFT = 1024, BANDS = 96, LOW_HZ = 40;

/** Decode a file in the browser; null where the browser cannot. At most so many seconds. */
export async function decode(blob) {
  const context = new OfflineAudioContext(1, 1, 22050);
  try {
    const buffer = await context.decodeAudioData(await blob.arrayBuffer());
    const mono = new Float32Array(buffer.length);
    for (let c = 0; c < buffer.numberOfChannels; c++) {
      const channel = buffer.getChannelData(c);
      for (let i = 0; i < mono.length; i++) mono[i] += channel[i] / buffer.numberOfChannels;
    }
    return { samples: mono, rate: buffer.sampleRate, seconds: buffer.duration };
  } catch {
    return null;
  }
}

/** Energy in dB of BANDS mel bands at `columns` moments: rows of Float32Array(BANDS). */
export function spectrogram(sound, columns) {
  const { samples, rate } = sound, window = new Float32Array(FFT), n = Math.min(columns, Math.max(1, Math.floor(samples.length / 256)));
  for (let i = 0; i < FFT; i++) window[i] = 0.5 - 0.5 * Math.cos(2 * Math.PI * i / FFT);
  const edges = melEdges(rate), rows = [];
  const real = new Float32Array(FFT), imaginary = new Float32Array(FFT);
  for (let column = 0; column < n; column++) {
    const start = Math.floor(column / n * Math.max(0, samples.length - FFT));
    for (let i = 0; i < FFT; i++) { real[i] = (samples[start + i] || 0) * window[i]; imaginary[i] = 0; }
    fft(real, imaginary);
    const row = new Float32Array(BANDS);
    for (let band = 0; band < BANDS; band++) {
      let sum = 1e-10;
      for (let k = edges[band]; k < Math.max(edges[band] + 1, edges[band + 1]); k++)
        sum += real[k] * real[k] + imaginary[k] * imaginary[k];
      row[band] = 10 * Math.log10(sum);
    }
    rows.push(row);
  }
  return rows;
}

function melEdges(rate) {
  const mel = hz => 2595 * Math.log10(1 + hz / 700), hz = m => 700 * (10 ** (m / 2595) - 1);
  const low = mel(LOW_HZ), high = mel(rate / 2), edges = [];
  for (let i = 0; i <= BANDS; i++)
    edges.push(Math.min(FFT / 2 - 1, Math.round(hz(low + (high - low) * i / BANDS) / rate * FFT)));
  return edges;
}

/** Cooley and Tukey's transform, in place; a power of two. */
function fft(real, imaginary) {
  const n = real.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [real[i], real[j]] = [real[j], real[i]];
      [imaginary[i], imaginary[j]] = [imaginary[j], imaginary[i]];
    }
  }
  for (let size = 2; size <= n; size <<= 1) {
    const angle = -2 * Math.PI / size;
    for (let start = 0; start < n; start += size)
      for (let k = 0; k < size / 2; k++) {
        const cosine = Math.cos(angle * k), sine = Math.sin(angle * k);
        const a = start + k, b = a + size / 2;
        const r = real[b] * cosine - imaginary[b] * sine, i = real[b] * sine + imaginary[b] * cosine;
        real[b] = real[a] - r; imaginary[b] = imaginary[a] - i;
        real[a] += r; imaginary[a] += i;
      }
  }
}

/** A WAV file of 16 bit from blocks of mono samples between -1 and 1. */
export function wav(blocks, rate) {
  const n = blocks.reduce((sum, block) => sum + block.length, 0);
  const view = new DataView(new ArrayBuffer(44 + 2 * n));
  const text = (at, word) => [...word].forEach((c, i) => view.setUint8(at + i, c.charCodeAt(0)));
  text(0, "RIFF"); view.setUint32(4, 36 + 2 * n, true); text(8, "WAVEfmt ");
  view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, 1, true);
  view.setUint32(24, rate, true); view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true); view.setUint16(34, 16, true);
  text(36, "data"); view.setUint32(40, 2 * n, true);
  let at = 44;
  for (const block of blocks)
    for (const sample of block) {
      view.setInt16(at, Math.max(-32768, Math.min(32767, Math.round(32768 * sample))), true);
      at += 2;
    }
  return new Blob([view], { type: "audio/wav" });
}
