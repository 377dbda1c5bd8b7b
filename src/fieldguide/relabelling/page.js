"use strict";
// One picture at a time. What is decided is sent at once, and counts when the answer says that it is on the disk.

const LEFT_OUT = -1;
const KEYS = 9; // classes that have a key
const $ = (id) => document.getElementById(id);
let state = null;
let place = 0;
let busy = false;
let ended = false;

function count(number, noun) {
  return number.toLocaleString("en") + " " + noun + (number === 1 ? "" : "s");
}

function percent(share) {
  return (100 * share).toFixed(1) + "%";
}

function named(label) {
  return label === LEFT_OUT ? "left out" : state.classes[label];
}

// Names come from folders: they are only ever set as text.
function put(element, ...parts) {
  element.replaceChildren(...parts.map((part) => {
    if (typeof part === "string") return document.createTextNode(part);
    const made = document.createElement(part.as || "strong");
    const name = document.createElement("bdi");
    name.textContent = part.name;
    made.append(name);
    return made;
  }));
}

async function ask(what, body) {
  const given = body === undefined ? {} : {
    method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body),
  };
  const answer = await fetch(what, {...given, cache: "no-store"});
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.error);
  return found;
}

function trouble(error) {
  const gone = error instanceof TypeError; // as fetch fails where nothing listens
  $("trouble").textContent = gone
    ? "Nothing more is kept: the program behind this page has ended. Start it again with `fieldguide relabel`."
    : "Not kept: " + error.message;
  $("trouble").hidden = false;
}

function undecided(from) {
  const total = state.items.length;
  for (let step = 0; step < total; step += 1) {
    const here = (from + step) % total;
    if (!(here in state.decisions)) return here;
  }
  return null;
}

function show(focus) {
  const [file, label, suggested, ofLabel, ofSuggested] = state.items[place];
  const total = state.items.length;
  const decided = Object.keys(state.decisions).length;
  const decision = state.decisions[place];
  put($("progress"), {as: "b", name: (place + 1).toLocaleString("en") + " of " + total.toLocaleString("en")},
    {as: "span", name: decided.toLocaleString("en") + " decided"});
  $("far").style.width = 100 * decided / total + "%";
  $("picture").src = "picture/" + place;
  $("picture").alt = "Picture " + (place + 1) + ", " + file;
  $("file").textContent = file;
  put($("question"), "Labelled ", {name: state.classes[label]}, 
    ofSuggested > ofLabel ? ", looks like " : "; if it is not, ", {name: state.classes[suggested]});
  if (decision === undefined) $("decision").textContent = "Not decided yet.";
  else if (decision === LEFT_OUT) put($("decision"), "Decided: ", {as: "b", name: "left out"});
  else put($("decision"), "Decided: ", {as: "b", name: state.classes[decision]});
  for (const [id, of, share] of [["right", label, ofLabel], ["suggested", suggested, ofSuggested]]) {
    $(id).querySelector("bdi").textContent = state.classes[of];
    $(id).querySelector(".share").textContent = percent(share);
    $(id).querySelector(".bar span").style.width = percent(share);
    $(id).setAttribute("aria-pressed", String(decision === of));
  }
  $("out").setAttribute("aria-pressed", String(decision === LEFT_OUT));
  for (const button of $("classes").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(Number(button.dataset.label) === decision));
  }
  $("undo").disabled = !state.undo;
  $("previous").disabled = place === 0;
  $("next").disabled = place === total - 1;
  $("done").hidden = decided < total;
  $("desk").hidden = false;
  // So that Enter never repeats a button that was clicked, and a screen reader reads what is asked now.
  if (focus) $("question").focus({preventScroll: true});
  const following = undecided(place + 1);
  if (following !== null) new Image().src = "picture/" + following;
}

function go(to) {
  if (to === null || to < 0 || to >= state.items.length) return;
  place = to;
  show(true);
  $("said").textContent = "Picture " + (place + 1) + " of " + state.items.length;
}

async function act(what, body, then) {
  if (busy || ended || state === null) return;
  busy = true;
  try {
    const found = await ask(what, body);
    $("trouble").hidden = true;
    then(found);
  } catch (error) {
    trouble(error);
  } finally {
    busy = false;
  }
}

function decide(label) {
  const here = place;
  act("decide", {place: here, label: label}, (found) => {
    Object.assign(state, {decisions: found.decisions, undo: found.undo});
    const following = undecided(here + 1);
    const kept = label === LEFT_OUT ? "Left out. " : "Kept as " + named(label) + ". ";
    clearFilter();
    if (following === null) {
      show(true);
      $("said").textContent = kept + "All " + state.items.length + " are decided.";
    } else {
      go(following);
      $("said").textContent = kept + $("said").textContent;
    }
  });
}

function undo() {
  act("undo", {}, (found) => {
    Object.assign(state, {decisions: found.decisions, undo: found.undo});
    if (found.place === null) {
      show(true);
      $("said").textContent = "There is nothing to undo.";
    } else {
      go(found.place);
      $("said").textContent = "Undone. " + $("said").textContent;
    }
  });
}

function end() {
  act("end", {}, () => {
    ended = true;
    for (const button of document.querySelectorAll("button")) button.disabled = true;
    $("trouble").textContent = "Finished. All is kept; this page can be closed.";
    $("trouble").hidden = false;
  });
}

function listed() {
  return [...$("classes").querySelectorAll("li:not([hidden]) button")];
}

function filterClasses() {
  const wanted = $("filter").value.trim().toLowerCase();
  for (const entry of $("classes").children) {
    entry.hidden = !state.classes[Number(entry.firstChild.dataset.label)].toLowerCase().includes(wanted);
  }
  for (const key of $("classes").querySelectorAll("kbd")) key.textContent = "";
  listed().slice(0, KEYS).forEach((button, number) => {
    button.firstChild.textContent = String(number + 1);
  });
  for (const key of $("classes").querySelectorAll("kbd")) key.hidden = key.textContent === "";
}

function clearFilter() {
  if ($("filter").value !== "") {
    $("filter").value = "";
    filterClasses();
  }
}

function listClasses() {
  state.classes.forEach((name, label) => {
    const entry = document.createElement("li");
    const button = document.createElement("button");
    const text = document.createElement("bdi");
    button.type = "button";
    button.dataset.label = String(label);
    text.textContent = name;
    button.append(document.createElement("kbd"), " ", text);
    button.addEventListener("click", () => decide(label));
    entry.append(button);
    $("classes").append(entry);
  });
  $("filtering").hidden = state.classes.length <= KEYS;
  filterClasses();
}

function pressed(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || state === null) return;
  const inFilter = event.target === $("filter");
  const onButton = event.target.closest && event.target.closest("button, summary, a");
  const key = event.key;
  if (inFilter) {
    if (key === "Enter" && !event.repeat && listed().length) decide(Number(listed()[0].dataset.label));
    else if (key === "Escape") { clearFilter(); $("question").focus(); }
    else return;
  } else if (key === "ArrowLeft") go(place - 1);
  else if (key === "ArrowRight") go(place + 1);
  else if (event.repeat) return; // a key that is held down decides once
  else if ((key === "Enter" || key === " ") && !onButton) decide(state.items[place][1]);
  else if (key === "s") decide(state.items[place][2]);
  else if (key === "x") decide(LEFT_OUT);
  else if (key === "u" || key === "Backspace") undo();
  else if (key === "/" && !$("filtering").hidden) $("filter").focus();
  else if (/^[1-9]$/.test(key) && listed().length >= Number(key)) decide(Number(listed()[Number(key) - 1].dataset.label));
  else return;
  event.preventDefault();
}

async function refresh() { // another window may have decided something meanwhile
  if (state === null || busy || ended) return;
  try {
    Object.assign(state, await ask("decisions"));
    show(false);
  } catch (error) {
    trouble(error);
  }
}

async function begin() {
  try {
    state = await ask("state");
  } catch (error) {
    trouble(error);
    return;
  }
  $("kept").textContent = "Every decision is kept at once in " + state.file + ".";
  $("again").textContent = state.again;
  listClasses();
  const first = undecided(0);
  place = first === null ? 0 : first;
  show(true);
  $("said").textContent = count(state.items.length, "picture") + ". Picture " + (place + 1);
}

$("right").addEventListener("click", () => decide(state.items[place][1]));
$("suggested").addEventListener("click", () => decide(state.items[place][2]));
$("out").addEventListener("click", () => decide(LEFT_OUT));
$("undo").addEventListener("click", undo);
$("previous").addEventListener("click", () => go(place - 1));
$("next").addEventListener("click", () => go(place + 1));
$("end").addEventListener("click", end);
$("filter").addEventListener("input", filterClasses);
$("picture").addEventListener("error", () => { $("picture").alt = "This picture cannot be read any more."; });
document.addEventListener("keydown", pressed);
window.addEventListener("focus", refresh);
begin();
