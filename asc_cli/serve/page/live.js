// The microphone: a recording, and meanwhile the scene of its last seconds over a WebSocket.

import { wav } from "./sound.js";

const PROCESSING = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

export class Recorder {
  /** answered: called with each answer of the server, {level} or {error}. */
  constructor(first, answered) {
    this.first = first;
    this.answered = answered;
  }

  async start() {
    if (!navigator.mediaDevices) throw new Error("a browser gives the microphone to pages of this computer and to HTTPS alone");
    this.stream = await navigator.mediaDevices.getUserMedia({ audio: PROCESSING });
    this.context = new AudioContext();
    await this.context.audioWorklet.addModule("page/recorder.js");
    this.rate = this.context.sampleRate;
    this.blocks = [];
    this.connect();
    const source = this.context.createMediaStreamSource(this.stream);
    this.node = new AudioWorkletNode(this.context, "recorder");
    this.node.port.onmessage = ({ data }) => this.add(data);
    source.connect(this.node);
  }

  connect() {
    const address = new URL("listen", location.href);
    address.protocol = address.protocol.replace("http", "ws");
    address.hash = "";
    this.socket = new WebSocket(address);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => this.socket.send(JSON.stringify({ ...this.first(), rate: this.rate, encoding: "f32le" }));
    this.socket.onmessage = ({ data }) => this.answered(JSON.parse(data));
  }

  add(block) {
    this.blocks.push(block);
    let peak = 1e-6;
    for (const sample of block) peak = Math.max(peak, Math.abs(sample));
    this.answered({ level: 20 * Math.log10(peak) });
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(block.buffer.slice(0));
  }

  /** End the recording; return it as a WAV file, or null if it is empty. */
  async stop() {
    this.stream.getTracks().forEach(track => track.stop());
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send("end");
    await this.context.close();
    const name = `microphone ${new Date().toISOString().slice(0, 19).replaceAll(":", "-")}.wav`;
    return this.blocks.length ? new File([wav(this.blocks, this.rate)], name, { type: "audio/wav" }) : null;
  }
}
