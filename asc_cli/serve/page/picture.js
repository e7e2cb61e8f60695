// The picture of a recording: spectrogram, segments, attention, and where it plays.

import { spectrogram } from "./sound.js";

const BAND = 26, LINE = 60;  // pixels of the timeline below, of the attention above

export class Picture {
  constructor(canvas) {
    this.canvas = canvas;
    this.image = null;
  }

  /** Draw a recording: what the browser decoded (or null), and what was predicted. */
  show(item, colours) {
    this.item = item;
    const { canvas } = this, context = canvas.getContext("2d");
    const seconds = item.row?.duration_s || item.sound?.seconds || 0;
    const attention = item.explanation?.attention, top = attention ? LINE : 0;
    const bottom = item.row?.timeline ? BAND : 0, height = canvas.height - top - bottom;
    const style = getComputedStyle(document.documentElement);
    context.fillStyle = style.getPropertyValue("--card");
    context.fillRect(0, 0, canvas.width, canvas.height);
    if (item.sound) this.spectrum(context, item, top, height);
    if (attention) this.curve(context, attention, seconds, item.explanation.frame_s, style);
    for (const segment of item.row?.timeline || []) {
      const x = segment.start_s / seconds * canvas.width;
      const w = (segment.end_s - segment.start_s) / seconds * canvas.width;
      context.fillStyle = colours.get(segment.scene) || "#888";
      context.fillRect(x, canvas.height - BAND, Math.max(1, w - 1), BAND);
      context.fillStyle = "#fff"; context.font = "15px system-ui";
      const name = segment.scene.replaceAll("_", " ");
      if (context.measureText(name).width < w - 8) context.fillText(name, x + 5, canvas.height - 8);
    }
    this.image = context.getImageData(0, 0, canvas.width, canvas.height);
    this.seconds = seconds;
    this.cursor(0);
  }

  spectrum(context, item, top, height) {
    const rows = item.spectrum ||= spectrogram(item.sound, this.canvas.width);
    let high = -Infinity;
    for (const row of rows) for (const value of row) high = Math.max(high, value);
    const small = new OffscreenCanvas(rows.length, rows[0].length), drawing = small.getContext("2d");
    const image = drawing.createImageData(rows.length, rows[0].length);
    rows.forEach((row, x) => row.forEach((value, band) => {
      const level = Math.max(0, Math.min(1, 1 + (value - high) / 80));
      const at = 4 * ((row.length - 1 - band) * rows.length + x);
      image.data.set([255 * level ** 1.2, 255 * level ** 2 * 0.9, 60 + 120 * Math.sin(Math.PI * level), 255], at);
    }));
    drawing.putImageData(image, 0, 0);
    context.drawImage(small, 0, top, this.canvas.width, height);
  }

  curve(context, attention, seconds, frame, style) {
    const highest = Math.max(2, ...attention), { width } = this.canvas;
    const y = value => LINE - 4 - (LINE - 8) * value / highest;
    context.strokeStyle = style.getPropertyValue("--line");
    context.beginPath(); context.moveTo(0, y(1)); context.lineTo(width, y(1)); context.stroke();
    context.strokeStyle = style.getPropertyValue("--accent"); context.lineWidth = 2;
    context.beginPath();
    attention.forEach((value, i) => context.lineTo((i + 0.5) * frame / seconds * width, y(value)));
    context.stroke(); context.lineWidth = 1;
  }

  /** Show where the recording plays. */
  cursor(time) {
    const { canvas } = this, context = canvas.getContext("2d");
    if (!this.image) return;
    context.putImageData(this.image, 0, 0);
    context.fillStyle = "#fff"; context.fillRect(time / (this.seconds || 1) * canvas.width - 1.5, 0, 3, canvas.height);
    context.fillStyle = "#000"; context.fillRect(time / (this.seconds || 1) * canvas.width - 0.5, 0, 1, canvas.height);
    canvas.setAttribute("aria-valuemax", this.seconds.toFixed(1));
    canvas.setAttribute("aria-valuenow", time.toFixed(1));
    canvas.setAttribute("aria-valuetext", `${time.toFixed(1)} of ${this.seconds.toFixed(1)} seconds`);
  }
}
