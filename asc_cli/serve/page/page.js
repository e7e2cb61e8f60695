// The list of recordings, what was predicted of each, and the labels that people give.

import { decode } from "./sound.js";
import { Picture } from "./picture.js";
import { Recorder } from "./live.js";

const AT_ONCE = 2;  // requests
const LONGEST_PICTURE = 200e6;  // bytes of a file that the browser decodes for its picture
const LABEL_KEYS = "123456789abcdefghilmnopqrstuvwxyz";  // without j and k
const ENDINGS = /\.(wav|flac|ogg|opus|mp3|aiff?|au|caf|w64|m4a|mp4|mov|aac|wma|webm|mkv|amr|3gp|avi|ts)$/i;
const $ = id => document.getElementById(id);

const items = [], waiting = [];
let models = [], limits = {}, running = 0, current = null, recorder = null, token = "";
const picture = new Picture($("picture"));

// -- the server -----------------------------------------------------------------------------------

function readToken() {
  if (location.hash.length > 1) {
    sessionStorage.setItem("token", location.hash.slice(1));
    history.replaceState(null, "", location.pathname);
  }
  token = sessionStorage.getItem("token") || "";
}

async function ask(address, options = {}) {
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  try {
    const answer = await fetch(address, { ...options, headers });
    return await answer.json();
  } catch {
    return { error: "the server does not answer" };
  }
}

async function load() {
  const answer = await ask("models");
  if (answer.error) {
    const help = token || !/token/.test(answer.error) ? "" : "; open the address that asc serve printed, with what is behind its #";
    $("about").textContent = answer.error + help;
    return;
  }
  ({ models, limits } = answer);
  if (!models.length) { setTimeout(load, 300); return; }
  for (const model of models) $("model").add(new Option(model.id));
  $("model-choice").hidden = models.length < 2;
  describe();
  next();
}

const model = () => models[$("model").selectedIndex] || models[0];

function describe() {
  $("about").textContent = `${model().id}: ${model().labels.length} scenes`;
  $("unknown-choice").hidden = !model().finds_unknown;
  $("record").title = model().segments ? "" : "this model classifies when the recording ends";
}

// -- recordings -----------------------------------------------------------------------------------

function add(files) {
  const taken = files.filter(({ file, chosen }) => chosen || ENDINGS.test(file.name));
  for (const { file, name } of taken) {
    const item = { file, name, state: "waiting" };
    items.push(item);
    waiting.push(item);
    addRow(item);
  }
  $("recordings").hidden = !items.length;
  if (!current && taken.length) select(items[items.length - taken.length]);
  const left = files.length - taken.length;
  say(`${taken.length} added${left ? `, ${left} that are no recordings left out` : ""}`);
  next();
}

async function next() {
  while (models.length && running < AT_ONCE && waiting.length) {
    running++;
    predict(waiting.shift()).finally(() => { running--; next(); });
  }
}

async function predict(item) {
  item.state = "asking"; render(item);
  const own = model(), query = new URLSearchParams({ model: own.id, name: item.name });
  if (own.finds_unknown && $("unknown").checked) query.set("unknown", "1");
  if (item.file.size > limits.most_bytes) {
    item.row = { error: `is larger than ${(limits.most_bytes / 1e6).toFixed(1)} MB, the limit of this server` };
  } else {
    item.row = await ask(`predict?${query}`, { method: "POST", body: item.file });
    const { duration_s: seconds } = item.row;
    if (own.segments && seconds > 2 * own.clip_s) {
      query.set("timeline", Math.max(own.clip_s, Math.ceil(seconds / 60)));
      const row = await ask(`predict?${query}`, { method: "POST", body: item.file });
      if (!row.error) item.row = row;
    }
  }
  item.model = own;
  item.state = item.row.error ? "error" : "done";
  render(item);
  if (item === current) show(item);
  const done = items.filter(i => i.state === "done" || i.state === "error").length;
  say(`${done} of ${items.length} recordings predicted`);
}

function addRow(item) {
  const row = $("list").tBodies[0].insertRow(), button = document.createElement("button");
  button.className = "name"; button.type = "button"; button.textContent = item.name;
  button.onclick = () => select(item);
  row.insertCell().append(button);
  row.insertCell(); row.insertCell().className = "n";
  item.tr = row;
  render(item);
}

function render(item) {
  const [, scene, probability] = item.tr.cells;
  scene.className = item.label && item.label !== item.row?.scene ? "corrected" : "";
  probability.textContent = "";
  if (item.state === "error") {
    scene.className = "error"; scene.textContent = item.row.error;
  } else if (item.state === "done") {
    const given = item.label ? (item.label === item.row.scene ? " ✓" : ` (predicted ${words(item.row.scene)})`) : "";
    scene.textContent = words(item.label || item.row.scene) + given;
    probability.textContent = percent(item.row.probability);
  } else scene.textContent = item.state === "asking" ? "…" : "waiting";
  if (item.label && item.state === "error") scene.textContent = `${words(item.label)} (${item.row.error})`;
  $("save").disabled = !items.some(i => i.label);
}

// -- one recording --------------------------------------------------------------------------------

async function select(item, focus = false) {
  current?.tr.removeAttribute("aria-selected");
  current = item;
  item.tr.setAttribute("aria-selected", "true");
  item.tr.scrollIntoView({ block: "nearest" });
  if (focus) item.tr.querySelector("button").focus();
  const audio = $("audio");
  URL.revokeObjectURL(audio.src);
  audio.src = URL.createObjectURL(item.file);
  show(item);
  if (item.sound === undefined) {
    item.sound = null;
    item.sound = item.file.size > LONGEST_PICTURE ? null : await decode(item.file);
    if (item === current) show(item);
  }
}

function show(item) {
  $("detail").hidden = false;
  $("title").textContent = item.name;
  const { row } = item, failed = Boolean(row?.error);
  $("answer").textContent = !row ? "…" : failed ? row.error : `${words(row.scene)}, ${percent(row.probability)}`;
  $("answer").className = failed ? "error" : "";
  $("explain").hidden = !row || failed || !item.model.explains || Boolean(item.explanation);
  picture.show(item, colours(item.model || models[0]));
  $("caption").textContent = caption(item);
  showLabels(item);
  showScenes(row?.scenes || {});
  showParts(row?.segments);
}

function caption(item) {
  const parts = [item.sound ? "Spectrogram; a click plays from there." : item.sound === null && item.file.size <= LONGEST_PICTURE ? "This browser cannot decode the recording." : ""];
  if (item.row?.timeline) parts.push("Below: the scene of each part.");
  if (item.explanation?.attention) parts.push("Above: attention; the thin line is equal attention.");
  return parts.join(" ");
}

function showLabels(item) {
  const own = item.model || models[0], buttons = (own?.labels || []).map((label, i) => {
    const button = document.createElement("button"), key = LABEL_KEYS[i];
    button.type = "button"; button.setAttribute("aria-pressed", String(item.label === label));
    if (key) { const mark = document.createElement("kbd"); mark.textContent = key; button.append(mark, " "); }
    button.append(words(label));
    button.onclick = () => setLabel(item, item.label === label ? "" : label);
    return button;
  });
  $("labels").replaceChildren(...buttons);
}

function showScenes(scenes) {
  const rows = Object.entries(scenes).sort((a, b) => b[1] - a[1]).slice(0, 8).map(([scene, probability]) => {
    const row = document.createElement("tr"), name = document.createElement("th"), bar = document.createElement("span");
    name.scope = "row"; name.textContent = words(scene);
    bar.className = "bar"; bar.style.width = `${100 * probability}%`;
    row.append(name); row.insertCell().append(bar);
    const value = row.insertCell(); value.className = "n"; value.textContent = percent(probability);
    return row;
  });
  $("scenes").tBodies[0].replaceChildren(...rows);
}

function showParts(segments) {
  $("parts").replaceChildren();
  if (!segments || segments.length < 2) return;
  const title = document.createElement("h4"), list = document.createElement("ul");
  const colour = colours(current.model);
  title.textContent = "Over time";
  for (const segment of segments.slice(0, 200)) {
    const line = document.createElement("li"), swatch = document.createElement("span");
    swatch.className = "swatch"; swatch.style.background = colour.get(segment.scene) || "#888";
    line.append(swatch, `${clock(segment.start_s)} to ${clock(segment.end_s)}: ${words(segment.scene)}, ${percent(segment.probability)}`);
    list.append(line);
  }
  $("parts").append(title, list);
}

async function explain() {
  const item = current, query = new URLSearchParams({ model: item.model.id, name: item.name });
  $("explain").disabled = true;
  const row = await ask(`explain?${query}`, { method: "POST", body: item.file });
  $("explain").disabled = false;
  if (row.error) { say(row.error); return; }
  item.explanation = row;
  if (!row.attention) say("this model weighs codewords, not moments: there is no attention over time");
  if (item === current) show(item);
}

// -- labels ---------------------------------------------------------------------------------------

function setLabel(item, label) {
  item.label = label;
  render(item); showLabels(item);
  say(label ? `${item.name}: ${words(label)}` : `${item.name}: no label`);
}

function save() {
  const labelled = items.filter(item => item.label);
  if (!labelled.length) return;
  const cell = text => {
    const guarded = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\n\r']/.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded;
  };
  const lines = labelled.map(item => `${cell(item.name)},${cell(item.label)}\n`);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(["file,label\n", ...lines], { type: "text/csv" }));
  link.download = "labels.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  say(`labels.csv: ${labelled.length} recordings; put it beside them`);
}

// -- the microphone -------------------------------------------------------------------------------

async function record() {
  const button = $("record");
  if (recorder) {
    const own = recorder;
    recorder = null;
    button.setAttribute("aria-pressed", "false"); button.textContent = "Record";
    $("level").hidden = $("live").hidden = true;
    const file = await own.stop();
    if (file) { add([{ file, name: file.name, chosen: true }]); select(items[items.length - 1]); keep(file); }
    return;
  }
  const own = new Recorder(() => ({ model: model().id, token }), answered);
  try {
    await own.start();
  } catch (fault) {
    say(`the microphone cannot be used: ${fault.message}`);
    return;
  }
  recorder = own;
  button.setAttribute("aria-pressed", "true"); button.textContent = "Stop";
  $("level").hidden = $("live").hidden = false;
  $("live").textContent = "…";
}

function answered(row) {
  if ("level" in row && !("scene" in row)) $("level").value = row.level;
  else if (row.error) $("live").textContent = model().segments ? row.error : "recording";
  else $("live").textContent = `${words(row.scene)}, ${percent(row.probability)}`;
}

/** Offer a recording of the microphone as a file: it is nowhere else. */
function keep(file) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file); link.download = file.name;
  link.textContent = `save ${file.name}`;
  $("status").append(" ", link);
}

// -- words ----------------------------------------------------------------------------------------

const words = scene => scene.replaceAll("_", " ");
const percent = share => `${(100 * share).toFixed(1)} %`;
const clock = seconds => `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(1).padStart(4, "0")}`;
const say = text => { $("status").textContent = text; };

function colours(own) {
  const n = own?.labels.length || 1;
  return new Map((own?.labels || []).map((label, i) => [label, `hsl(${Math.round(360 * i / n)} 55% 38%)`]));
}

// -- what people do -------------------------------------------------------------------------------

function step(by) {
  const at = items.indexOf(current) + by;
  if (items[at]) select(items[at], true);
}

function go(time) {
  const audio = $("audio");
  audio.currentTime = Math.max(0, Math.min(audio.duration || picture.seconds, time));
  picture.cursor(audio.currentTime);
}

function press(event) {
  const { key, target } = event;
  if ((event.ctrlKey || event.metaKey) && key === "s") { event.preventDefault(); save(); return; }
  if (event.ctrlKey || event.metaKey || event.altKey || !current) return;
  if (/^(SELECT|TEXTAREA|INPUT)$/.test(target.tagName)) return;
  const isButton = target.tagName === "BUTTON" && !target.classList.contains("name"), audio = $("audio");
  const actions = {
    ArrowDown: () => step(1), j: () => step(1), ArrowUp: () => step(-1), k: () => step(-1),
    ArrowLeft: () => go(audio.currentTime - 1), ArrowRight: () => go(audio.currentTime + 1),
    Backspace: () => setLabel(current, ""),
  };
  if (!isButton) {
    actions[" "] = () => audio.paused ? audio.play() : audio.pause();
    actions.Enter = () => current.row?.scene && setLabel(current, current.row.scene);
  }
  const label = (current.model || models[0])?.labels[LABEL_KEYS.indexOf(key)];
  const action = actions[key] || (key.length === 1 && LABEL_KEYS.includes(key) && label && (() => setLabel(current, label)));
  if (action) { event.preventDefault(); action(); }
}

async function dropped(event) {
  event.preventDefault();
  $("drop").classList.remove("over");
  const entries = [...event.dataTransfer.items].map(i => i.webkitGetAsEntry()).filter(Boolean), files = [];
  const walk = async (entry, path, chosen) => {
    if (entry.isFile) {
      const file = await new Promise((done, failed) => entry.file(done, failed));
      files.push({ file, name: path + entry.name, chosen });
      return;
    }
    const reader = entry.createReader();
    let part;
    do {
      part = await new Promise((done, failed) => reader.readEntries(done, failed));
      for (const each of part) await walk(each, `${path}${entry.name}/`, false);
    } while (part.length);
  };
  for (const entry of entries) await walk(entry, "", entry.isFile);
  add(files);
}

function start() {
  readToken();
  const drop = $("drop");
  drop.addEventListener("dragover", event => { event.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", dropped);
  $("files").onchange = e => { add([...e.target.files].map(file => ({ file, name: file.name, chosen: true }))); e.target.value = ""; };
  $("folder").onchange = e => { add([...e.target.files].map(file => ({ file, name: file.webkitRelativePath || file.name }))); e.target.value = ""; };
  $("record").onclick = record;
  $("model").onchange = describe;
  $("explain").onclick = explain;
  $("save").onclick = save;
  $("print").onclick = () => window.print();
  $("clear").onclick = () => {
    if (items.some(i => i.label) && !confirm("Remove all recordings and their labels from this page?")) return;
    items.length = waiting.length = 0; current = null;
    $("list").tBodies[0].replaceChildren(); $("recordings").hidden = $("detail").hidden = true; say("");
  };
  $("picture").onclick = event => {
    const box = $("picture").getBoundingClientRect();
    go((event.clientX - box.left) / box.width * picture.seconds);
    $("audio").play();
  };
  $("audio").ontimeupdate = () => picture.cursor($("audio").currentTime);
  document.addEventListener("keydown", press);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => current && show(current));
  addEventListener("beforeunload", event => { if (items.some(i => i.label)) event.preventDefault(); });
  load();
}

start();
