"use strict";

const base = document.body.dataset.base;
const texts = JSON.parse(document.body.dataset.texts);
const at = (id) => document.getElementById(id);
const POLL_SECONDS = [1, 1, 1, 2, 2, 3, 5];
const PATIENCE_POLLS = 60;

/** A text of the page with its places filled in. */
function say(name, values = {}) {
  return (texts[name] || name).replace(/\{(\w+)\}/g, (_, key) => (key in values ? values[key] : ""));
}

/** Shows a line where screen readers hear it. Names of files are isolated from the direction of the sentence. */
function tell(place, text, isAlert = false) {
  const line = document.createElement("p");
  line.textContent = text;
  if (isAlert) line.className = "alert";
  at(place).replaceChildren(line);
  return line;
}

const isolated = (name) => "\u2068" + name + "\u2069";

// A link's code stands behind the # and never reaches a log; it leaves the address bar before anything else happens.
function signIn(form) {
  const token = decodeURIComponent(location.hash.slice(1));
  if (!token) return;
  history.replaceState(null, "", location.pathname + location.search);
  at("token").value = token;
  form.submit();
}

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(base + path, { credentials: "same-origin", cache: "no-store", ...options });
  } catch {
    throw new Error("network");
  }
  if (answer.status === 401) throw new Error("session");
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(found.error || "fault");
  return found;
}

const post = (path, value) =>
  ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(value) });

let turn = 0;
let chosen = null;

/** Has a file judged by the server, and shows its receipt. */
async function check(file) {
  const mine = ++turn;
  const source = document.querySelector("input[name=source]:checked").value;
  chosen = { file, source, sha256: null };
  at("answer").replaceChildren();
  at("details").replaceChildren();
  at("outcome").replaceChildren();
  at("sending").hidden = true;
  at("progress").hidden = true;
  if (file.size > Number(document.body.dataset.checkBytes)) {
    tell("status", say("error.check_too_large"), true);
    offer(true, false);
    return;
  }
  tell("status", say("now.checking", { name: isolated(file.name) }));
  let verdict;
  try {
    verdict = await ask("/check/" + encodeURIComponent(source), {
      method: "POST",
      headers: {
        "Content-Type": "application/octet-stream",
        "X-File-Name": encodeURIComponent(file.name),
        "X-Language": document.documentElement.lang,
      },
      body: file,
    });
  } catch (error) {
    if (mine !== turn) return;
    tell("status", say("error." + error.message), true);
    offer(["check_too_large", "limit", "fault"].includes(error.message), false);
    return;
  }
  if (mine !== turn) return;
  chosen.sha256 = verdict.sha256;
  const receipt = new DOMParser().parseFromString(verdict.page, "text/html");
  // What only the receipt of a delivery can say: when it came, and its number.
  receipt.querySelectorAll(".delivered").forEach((one) => one.remove());
  const heading = receipt.querySelector("main h1");
  if (heading) {
    const second = receipt.createElement("h2");
    second.append(...heading.childNodes);
    heading.replaceWith(second);
  }
  const [first, ...rest] = document.importNode(receipt.querySelector("main"), true).children;
  at("answer").replaceChildren(first);
  at("details").replaceChildren(...rest);
  tell("status", say("now.checked", { name: isolated(file.name), verdict: verdict.summary }));
  offer(true, verdict.state !== "loaded");
}

/** Shows the button that sends; second choice where the file would not be loaded. */
function offer(isPossible, isHeld) {
  at("sending").hidden = !isPossible;
  at("held").hidden = !isHeld;
  at("send").disabled = false;
  at("send").className = isHeld ? "second" : "";
  at("send").textContent = say(isHeld ? "send.anyway" : "send");
}

/** Sends the chosen file by a signed address, and waits for the verdict on the delivery. */
async function send() {
  const mine = turn;
  const { file, source, sha256 } = chosen;
  at("send").disabled = true;
  let upload;
  try {
    upload = await post("/upload/" + encodeURIComponent(source), { name: file.name, size: file.size, sha256 });
    at("progress").value = 0;
    at("progress").hidden = false;
    await put(upload, file, (percent) => {
      at("progress").value = percent;
      if (percent % 25 === 0) tell("outcome", say("now.uploading", { name: isolated(file.name), percent }));
    });
  } catch (error) {
    if (mine !== turn) return;
    at("progress").hidden = true;
    tell("outcome", say("error." + error.message), true);
    at("send").disabled = false;
    return;
  }
  if (mine === turn) {
    at("progress").hidden = true;
    at("send").disabled = true;
    tell("outcome", say("now.sent", { name: isolated(file.name) }));
  }
  await answered(upload.key, file.name, () => mine === turn);
}

/** The PUT itself, with its progress in whole per cents. */
function put(upload, file, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let last = -1;
    request.upload.onprogress = (event) => {
      const percent = Math.floor((100 * event.loaded) / (event.total || 1));
      if (percent !== last) onProgress((last = percent));
    };
    request.onload = () => (request.status === 200 ? resolve() : reject(new Error("refused")));
    request.onerror = () => reject(new Error("network"));
    request.open("PUT", upload.url);
    for (const [name, value] of Object.entries(upload.headers)) request.setRequestHeader(name, value);
    request.send(file);
  });
}

async function answered(key, name, isCurrent) {
  for (let i = 0; i < PATIENCE_POLLS; i++) {
    await new Promise((resolve) => setTimeout(resolve, 1000 * POLL_SECONDS[Math.min(i, POLL_SECONDS.length - 1)]));
    let found;
    try {
      found = await post("/verdict", { key });
    } catch (error) {
      if (error.message === "network") continue;
      if (isCurrent()) tell("outcome", say("error." + error.message), true);
      return;
    }
    if (!found.state || found.state === "received") continue;
    if (isCurrent()) {
      const verdict = say("state." + found.state);
      const line = tell("outcome", say("now.answered", { name: isolated(name), verdict }) + " ");
      if (found.receipt) {
        const link = document.createElement("a");
        link.href = found.receipt;
        link.textContent = say("receipt.open");
        line.append(link);
      }
    }
    await refresh();
    return;
  }
  if (isCurrent()) tell("outcome", say("now.slow", { name: isolated(name) }));
}

async function refresh() {
  const answer = await fetch(base + "/deliveries?lang=" + document.documentElement.lang, { cache: "no-store" });
  if (!answer.ok) return;
  const found = new DOMParser().parseFromString(await answer.text(), "text/html");
  at("deliveries").replaceChildren(...document.importNode(found.body, true).childNodes);
}

function start() {
  const form = at("sign-in");
  if (form) return signIn(form);
  if (location.hash) history.replaceState(null, "", location.pathname + location.search);
  const zone = at("zone");
  const input = at("file");
  input.addEventListener("change", () => input.files.length && check(input.files[0]));
  document.querySelectorAll("input[name=source]").forEach((one) =>
    one.addEventListener("change", () => chosen && check(chosen.file)),
  );
  at("send").addEventListener("click", send);
  // A file that misses the zone must not replace the page.
  for (const name of ["dragover", "drop"]) window.addEventListener(name, (event) => event.preventDefault());
  zone.addEventListener("dragover", () => zone.classList.add("over"));
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    zone.classList.remove("over");
    const files = event.dataTransfer.files;
    if (files.length > 1) tell("status", say("error.one_file"), true);
    else if (files.length === 1) {
      input.value = ""; // it would go on to name the file before
      check(files[0]);
    }
  });
}

start();
