// Sorting, filtering, details and plots. Text of the repository enters the page as text nodes alone.
(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const measured = document.body.dataset.measured === "yes";
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const files = data.files, tests = data.tests, units = data.units, findings = data.findings;
  const BATCH = 50, TESTS_AT_ONCE = 200, MIB = 1048576;

  const el = (tag, attributes, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) if (value !== null && value !== undefined) node.setAttribute(name, value);
    for (const child of children.flat(Infinity)) if (child !== null && child !== undefined && child !== "") node.append(child);
    return node;
  };
  const bytes = (size) => {
    if (size === undefined || size === null) return "";
    const sign = size < 0 ? "−" : "";
    let left = Math.abs(size), unit = "B";
    for (const next of ["KiB", "MiB", "GiB", "TiB"]) { if (left < (unit === "B" ? 1024 : 999.5)) break; left /= 1024; unit = next; }
    return `${sign}${left >= 99.95 || unit === "B" ? Math.round(left) : Number(left.toPrecision(3))} ${unit}`;
  };
  const likely = (item) => item.predicted ? item.predicted[1] : undefined;
  const bounds = (item) => item.predicted && item.predicted[0] !== item.predicted[2] ? `${bytes(item.predicted[0])} – ${bytes(item.predicted[2])}` : "";
  const seconds = (value) => value === undefined ? "" : value < 100 ? `${value} s` : `${Math.round(value)} s`;

  // ---- details of a file -------------------------------------------------------------------------------------------
  const block = (title, ...content) => el("div", {class: "block"}, el("h3", {}, title), content);
  const marked = (text) => text.split("`").map((part, place, all) => place % 2 && place < all.length - 1 ? el("code", {}, part) : place % 2 ? "`" + part : part);
  const paragraph = (text, kind) => text ? el("p", {class: kind}, text) : null;

  const terms = (file) => file.reasons && block("What the prediction is made of", el("ul", {class: "terms"},
    file.reasons.map(([size, text, place]) => el("li", {}, el("span", {class: "size"}, bytes(size)), el("span", {}, text, place && el("small", {}, el("bdi", {}, place)))))));

  const about = (unit) => {
    const share = unit.baseline !== undefined && unit.peak !== undefined ? `, ${bytes(unit.peak - unit.baseline)} more than an empty test` : "";
    const kept = unit.retained !== undefined ? ` It kept ${bytes(unit.retained)} at its end.` : "";
    return [
      paragraph(`It ${data.words[unit.verdict] ?? unit.verdict}${unit.peak !== undefined ? ` and reached ${bytes(unit.peak)}${share}` : ""}, in ${seconds(unit.seconds)}.${kept}`),
      unit.victim && el("p", {}, "Running at that moment: ", el("bdi", {class: "code"}, unit.victim)),
      (unit.evidence || []).map((text) => paragraph(text, "quiet")),
      paragraph(unit.exit && `Exit ${unit.exit}.`, "quiet"),
      (unit.leftovers || []).map(([pid, command]) => el("p", {}, "Left running: ", el("bdi", {class: "code"}, `${command}`), ` (pid ${pid})`)),
      unit.output && el("p", {class: "quiet"}, "Output kept in ", el("bdi", {class: "code"}, unit.output)),
    ];
  };
  const measuredPart = (own) => own.length === 0 ? null : block("What was measured", el("div", {class: "facts-list"},
    about(own[0]), own.length > 1 ? paragraph(`${own.length - 1} more ${own.length === 2 ? "unit" : "units"} ran parts of it; the table of tests has their figures.`, "quiet") : null));

  const stairs = (own) => {
    const unit = own.reduce((best, one) => (one.steps || []).length > ((best && best.steps) || []).length ? one : best, null);
    if (!unit || (unit.steps || []).length < 2) return null;
    const canvas = el("div", {class: "canvas", role: "img", "aria-label": "Memory of the process after each test. The largest steps are listed below."});
    const grown = unit.steps.map(([name, before, , after]) => [name, after - before]).filter(([, size]) => size > MIB).sort((a, b) => b[1] - a[1]).slice(0, 5);
    const slope = unit.slope > 65536 ? `It grew by ${bytes(unit.slope)} a test. ` : unit.slope !== undefined ? "It did not grow from test to test. " : "";
    const thinned = unit.each ? `Of every ${unit.each} tests in a row the heaviest is drawn.` : "";
    const part = block("Memory over the run", el("div", {class: "steps"}, canvas, el("p", {class: "note"}, slope, thinned)),
      grown.length ? el("ul", {class: "terms"}, grown.map(([name, size]) => el("li", {}, el("span", {class: "size"}, "+" + bytes(size)), el("bdi", {class: "code"}, name)))) : null);
    queueMicrotask(() => drawStairs(canvas, unit));
    return part;
  };

  const sourceLine = ([number, text, start, end]) => el("code", {class: end > start ? "hit" : null},
    el("span", {class: "ln"}, String(number)), end > start ? [text.slice(0, start), el("mark", {}, text.slice(start, end)), text.slice(end)] : text || " ");
  const finding = (item) => el("article", {class: "finding"},
    el("div", {class: "head"},
      el("p", {class: "rule"}, el("b", {class: item.severity}, item.code), ` ${item.name} · ${item.severity} · ${item.confidence} confidence${item.size ? ` · ${item.size}` : ""} · `, el("bdi", {class: "code"}, item.place)),
      el("p", {}, item.message)),
    item.source && el("pre", {tabindex: "0", "aria-label": `Source at ${item.place}`}, item.source.map(sourceLine)),
    (item.suggestion || item.related || item.judged) && el("div", {class: "foot"}, item.judged && item.judged[0] !== "not measurable" ? el("p", {class: "judged"}, el("b", {}, `${item.judged[0]}: `), item.judged[1]) : null, item.suggestion && el("p", {}, marked(item.suggestion)),
      (item.related || []).map(([place, text]) => el("p", {}, el("small", {}, el("bdi", {}, place)), " ", text))));

  const testsOf = (number) => {
    const own = tests.filter((test) => test.file === number);
    if (!own.length) return null;
    const table = el("table", {class: "mini"},
      el("thead", {}, el("tr", {}, el("th", {scope: "col"}, "Test"), measured ? [el("th", {scope: "col", class: "num"}, "Measured"), el("th", {scope: "col", class: "num"}, "Left behind")] : null, el("th", {scope: "col", class: "num"}, "Predicted"))),
      el("tbody", {}, own.slice(0, 12).map((test) => el("tr", {}, el("td", {}, el("bdi", {class: "code"}, test.name)),
        measured ? [el("td", {class: "num"}, bytes(test.peak)), el("td", {class: "num"}, bytes(test.grown))] : null, el("td", {class: "num"}, bytes(likely(test)))))));
    return block(`Its tests${own.length > 12 ? `, the heaviest 12 of ${own.length}` : ""}`, table);
  };

  const detail = (number) => {
    const file = files[number];
    const own = (file.units || []).map((unit) => units[unit]).filter(Boolean);
    const found = (file.findings || []).map((one) => findings[one]).filter(Boolean);
    const lost = (file.findings || []).length - found.length;
    return el("tr", {class: "detail", role: "row", id: `d${number}`}, el("td", {role: "cell"},
      el("div", {class: "cols"}, measuredPart(own), terms(file)), stairs(own),
      found.length ? block(found.length === 1 ? "1 finding" : `${found.length} findings`, found.map(finding)) : null,
      lost ? paragraph(`${lost} more findings had no room on this page.`, "note") : null,
      testsOf(number),
      found.length || own.length || file.reasons ? null : paragraph("Nothing more is known of this file.", "note")));
  };

  // ---- opening rows ------------------------------------------------------------------------------------------------
  const row = (number) => document.getElementById(`f${number}`);
  const toggle = (number, open) => {
    const line = row(number), button = $("button", line), shown = button.getAttribute("aria-expanded") === "true";
    if (open === shown) return;
    button.setAttribute("aria-expanded", String(!shown));
    line.classList.toggle("open", !shown);
    if (shown) document.getElementById(`d${number}`).remove();
    else { line.after(detail(number)); button.setAttribute("aria-controls", `d${number}`); }
  };
  const goTo = (number) => {
    if (!row(number)) return;
    show("files");
    if (row(number).hidden) clear();
    toggle(number, true);
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    row(number).scrollIntoView({block: "start", behavior: still ? "auto" : "smooth"});
    $("button", row(number)).focus({preventScroll: true});
    history.replaceState(null, "", `#f${number}`);
  };

  // ---- sorting and filtering ---------------------------------------------------------------------------------------
  const table = $("#file-table"), testTable = $("#test-table"), search = $("#search");
  const lines = files.map((_, number) => row(number));
  const haystack = (number) => {
    const file = files[number];
    file.text ??= [file.path, file.verdict || "", ...(file.findings || []).map((one) => findings[one] ? `${findings[one].code} ${findings[one].name}` : "")].join(" ").toLowerCase();
    return file.text;
  };
  const filters = {
    memory: (file) => (file.verdict || "").startsWith("oom"),
    bad: (file) => file.verdict && !["passed", "no_tests", "skipped", "xfailed", "xpassed"].includes(file.verdict),
    findings: (file) => (file.findings || []).length > 0,
    above: (file) => file.peak !== undefined && file.predicted && file.peak > file.predicted[2],
    unmeasured: (file) => !file.verdict && file.predicted,
  };
  const keys = {
    path: (item) => item.path, name: (item) => item.name, peak: (item) => item.peak, predicted: likely, retained: (item) => item.retained,
    findings: (item) => (item.findings || []).length, verdict: (item) => item.verdict || "", grown: (item) => item.grown, cases: (item) => item.cases,
  };
  const textual = new Set(["path", "name", "verdict"]);
  const sorted = (items, {key, up}) => {
    const order = items.map((_, number) => number);
    if (!key) return order;
    const values = items.map(keys[key]);
    const compare = textual.has(key) ? (a, b) => (values[a] < values[b] ? -1 : values[a] > values[b] ? 1 : a - b)
      : (a, b) => (values[a] ?? -Infinity) - (values[b] ?? -Infinity) || b - a;
    order.sort(compare);
    return up ? order : order.reverse();
  };
  const state = {view: "files", filter: null, files: {key: null, up: false}, tests: {key: null, up: false}, limit: TESTS_AT_ONCE};

  const words = () => search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const visible = () => {
    const needles = words(), narrow = filters[state.filter];
    return (number) => (!narrow || narrow(files[number])) && needles.every((needle) => haystack(number).includes(needle));
  };
  const tell = (count, total, noun) => {
    $("#shown").textContent = count === total ? "" : `${count.toLocaleString("en")} of ${total.toLocaleString("en")} ${noun}`;
    $("#nothing").hidden = count > 0;
  };
  const paintFiles = () => {
    const keep = visible();
    let count = 0;
    for (const number of files.keys()) {
      const stays = keep(number);
      lines[number].hidden = !stays;
      const below = document.getElementById(`d${number}`);
      if (below) below.hidden = !stays;
      count += stays;
    }
    for (const chunk of table.tBodies) chunk.hidden = ![...chunk.rows].some((line) => !line.hidden);
    table.hidden = state.view !== "files" || !count;
    tell(count, files.length, "files");
  };
  const reorderFiles = () => {
    const chunks = [...table.tBodies];
    sorted(files, state.files).forEach((number, place) => {
      const chunk = chunks[Math.floor(place / BATCH)], below = document.getElementById(`d${number}`);
      chunk.append(lines[number]);
      if (below) chunk.append(below);
    });
  };
  const testRow = (number, place) => {
    const test = tests[number], small = bounds(test);
    const open = el("button", {type: "button", "data-file": test.file}, el("bdi", {}, el("span", {class: "dir"}, `${files[test.file].path}::`), test.name));
    const cell = (kind, ...content) => el("td", {role: "cell", class: kind}, content);
    const bad = test.verdict && filters.bad(test);
    return el("tr", {role: "row", class: "row"}, cell("n", String(place + 1)), cell("name", open),
      measured ? [cell("num measured", bytes(test.peak)), cell("num grown", bytes(test.grown))] : null,
      cell("num predicted", bytes(likely(test)), small && el("small", {}, small)),
      measured ? [cell("num cases", test.cases ? String(test.cases) : ""), cell("verdict-cell", test.verdict && el("span", {class: `badge ${bad ? (test.verdict === "failed" ? "doubtful" : "bad") : "good"}`}, test.verdict.replace("_", " ")))] : null);
  };
  const paintTests = () => {
    const needles = words(), narrow = filters[state.filter];
    const keep = (number) => {
      const test = tests[number], file = files[test.file];
      test.text ??= `${file.path}::${test.name} ${test.verdict || ""}`.toLowerCase();
      return (!narrow || narrow(file)) && needles.every((needle) => test.text.includes(needle));
    };
    const order = sorted(tests, state.tests).filter(keep);
    testTable.tBodies[0].replaceChildren(...order.slice(0, state.limit).map(testRow));
    testTable.hidden = !order.length;
    const left = order.length - state.limit;
    $("#more").hidden = left <= 0;
    $("#more").textContent = `Show ${Math.min(left, TESTS_AT_ONCE)} more of ${left.toLocaleString("en")}`;
    tell(order.length, tests.length, "tests");
  };
  const paint = () => state.view === "files" ? paintFiles() : paintTests();
  const show = (view) => {
    if (state.view === view) return;
    state.view = view;
    for (const button of $$("[data-view]")) button.setAttribute("aria-pressed", String(button.dataset.view === view));
    table.hidden = view !== "files";
    testTable.hidden = view !== "tests";
    $("#more").hidden = true;
    paint();
  };
  const narrowTo = (filter) => {
    state.filter = filter;
    for (const button of $$("[data-filter]")) button.setAttribute("aria-pressed", String(button.dataset.filter === filter));
    state.limit = TESTS_AT_ONCE;
    paint();
  };
  const clear = () => { search.value = ""; narrowTo(null); };
  const sortBy = (head) => {
    const view = head.closest("table") === table ? "files" : "tests", key = head.dataset.sort, now = state[view];
    const up = now.key === key ? !now.up : textual.has(key);
    state[view] = {key, up};
    for (const other of $$("th", head.parentNode)) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    if (view === "files") reorderFiles(); else paintTests();
  };

  if (table) {
    document.addEventListener("click", (event) => {
      const target = event.target.closest("button, tr.row, a");
      if (!target) return;
      if (target.closest("th[data-sort]")) sortBy(target.closest("th"));
      else if (target.dataset.view) show(target.dataset.view);
      else if (target.dataset.filter) narrowTo(state.filter === target.dataset.filter ? null : target.dataset.filter);
      else if (target.dataset.rule) { clear(); show("files"); search.value = target.dataset.rule; paint(); $("#files").scrollIntoView(); }
      else if (target.dataset.file) goTo(Number(target.dataset.file));
      else if (target.id === "more") { state.limit += TESTS_AT_ONCE; paintTests(); }
      else if (target.id === "clear") { clear(); search.focus(); }
      else if (target.closest("#file-table tr.row")) { if (!String(getSelection())) toggle(Number(target.closest("tr.row").id.slice(1))); }
      else if (target.closest("#test-table tr.row")) goTo(Number($("button", target.closest("tr.row")).dataset.file));
    });
    let waiting = 0;
    search.addEventListener("input", () => { clearTimeout(waiting); state.limit = TESTS_AT_ONCE; waiting = setTimeout(paint, 80); });
    search.addEventListener("keydown", (event) => { if (event.key === "Escape") clear(); });
  }

  // ---- plots -------------------------------------------------------------------------------------------------------
  const tip = $("#tip");
  const point = (write) => (_, event, item, value) => {
    const datum = item && item.datum;
    if (!value || !datum) { tip.hidden = true; return; }
    tip.replaceChildren(el("b", {}, el("bdi", {}, datum.name)), ...write(datum).map((line) => el("div", {}, line)));
    tip.hidden = false;
    const box = tip.getBoundingClientRect(), gap = 14;
    tip.style.left = `${Math.max(4, Math.min(event.clientX + gap, innerWidth - box.width - 4))}px`;
    tip.style.top = `${event.clientY + gap + box.height > innerHeight ? event.clientY - gap - box.height : event.clientY + gap}px`;
  };
  const config = {
    background: null, font: "system-ui, sans-serif", view: {stroke: null},
    axis: {labelColor: "var(--muted)", titleColor: "var(--muted)", gridColor: "var(--hair)", domainColor: "var(--line)", tickColor: "var(--line)", labelFontSize: 12, titleFontSize: 12, titleFontWeight: 400, labelPadding: 6, titlePadding: 10},
  };
  const sizeLabel = "datum.value >= 1073741824 ? format(datum.value / 1073741824, '.3~g') + ' GiB' : datum.value >= 1048576 ? format(datum.value / 1048576, '.3~g') + ' MiB' : datum.value === 0 ? '0' : format(datum.value / 1024, '.3~g') + ' KiB'";
  const powers = (low, high) => { const ticks = []; for (let tick = 2 ** Math.floor(Math.log2(low)); tick <= high * 1.001; tick *= 2) if (tick >= low * .999) ticks.push(tick); const step = Math.ceil(ticks.length / 7); return ticks.filter((_, place) => place % step === 0); };
  const even = (high) => { const rough = high / 5, unit = 2 ** (10 * Math.floor(Math.log2(rough) / 10)), lead = 10 ** Math.floor(Math.log10(rough / unit)); const step = unit * lead * ([1, 2, 5, 10].find((one) => one * lead * unit >= rough) ?? 10); return Array.from({length: Math.floor(high / step) + 1}, (_, place) => place * step); };
  const draw = (node, spec, write, click) => vegaEmbed(node, {width: "container", height: "container", autosize: {type: "fit", contains: "padding"}, config, ...spec},
    {mode: "vega-lite", renderer: "svg", actions: false, ast: true, defaultStyle: false, tooltip: point(write)})
    .then(({view}) => { if (click) view.addEventListener("click", (_, item) => { if (item && item.datum && item.datum.number !== undefined) click(item.datum.number); }); node.dataset.drawn = "yes"; });

  const drawScatter = (node) => {
    const values = files.map((file, number) => ({number, name: file.path, peak: file.peak, low: file.predicted && Math.max(file.predicted[0], MIB), likely: file.predicted && Math.max(file.predicted[1], MIB), high: file.predicted && Math.max(file.predicted[2], MIB), verdict: file.verdict, bad: Boolean(filters.bad(file))}))
      .filter((one) => one.peak && one.likely);
    if (!values.length) { node.replaceWith(el("p", {class: "empty"}, "No file has both a prediction and a measurement.")); return; }
    const all = values.flatMap((one) => [one.peak, one.likely]);
    const near = data.limit && data.limit < Math.max(...all) * 4 && data.limit > Math.min(...all) / 4;
    if (near) all.push(data.limit);
    const low = Math.min(...all) * .85, high = Math.max(Math.max(...all) * 1.18, Math.min(Math.max(...values.map((one) => one.high)) * 1.05, Math.max(...all) * 2));
    const scale = {type: "log", base: 2, domain: [low, high], nice: false, clamp: true};
    const axis = (title) => ({title, values: powers(low, high), labelExpr: sizeLabel});
    const many = values.length > 400;
    draw(node, {
      data: {values},
      layer: [
        {data: {values: [{a: low, b: high}]}, mark: {type: "rule", strokeDash: [4, 4], color: "var(--muted)", opacity: .6, aria: false}, encoding: {x: {field: "a", type: "quantitative", scale}, x2: {field: "b"}, y: {field: "a", type: "quantitative", scale}, y2: {field: "b"}}},
        ...(near ? [
          {data: {values: [{a: data.limit}]}, mark: {type: "rule", color: "var(--bad)", opacity: .55, aria: false}, encoding: {x: {field: "a", type: "quantitative", scale}}},
          {data: {values: [{a: data.limit}]}, mark: {type: "text", text: "limit", align: "right", dx: -5, dy: 4, baseline: "top", color: "var(--bad)", fontSize: 12, aria: false}, encoding: {x: {field: "a", type: "quantitative", scale}, y: {value: 0}}},
        ] : []),
        {mark: {type: "rule", color: "var(--predicted)", opacity: many ? .16 : .5, strokeWidth: many ? 1 : 1.5, aria: false}, encoding: {x: {field: "peak", type: "quantitative", scale}, y: {field: "low", type: "quantitative", scale}, y2: {field: "high"}}},
        {name: "point", mark: {type: "point", filled: true, size: many ? 26 : 80, opacity: many ? .75 : .95, stroke: "var(--paper)", strokeWidth: many ? .5 : 1, aria: false, cursor: "pointer"},
          encoding: {x: {field: "peak", type: "quantitative", scale, axis: axis("measured peak")}, y: {field: "likely", type: "quantitative", scale, axis: axis("predicted peak")},
            fill: {condition: {test: "datum.bad", value: "var(--bad)"}, value: "var(--measured)"}, tooltip: {field: "name"}}},
      ],
    }, (one) => [`measured ${bytes(one.peak)}`, `predicted ${bytes(one.likely)} (${bytes(one.low)} – ${bytes(one.high)})`, one.verdict && one.bad ? one.verdict.replace("_", " ") : ""].filter(Boolean), goTo);
  };

  const drawStairs = (node, unit) => {
    const values = unit.steps.map(([name, before, peak, after, outcome], place) => ({place, next: place + 1, middle: place + .5, name, before, peak: peak ?? after ?? before ?? unit.peak, after: after ?? peak ?? unit.peak, outcome}))
      .filter((one) => one.peak !== undefined && one.peak !== null);
    if (values.length < 2) { node.closest(".steps").replaceWith(el("p", {class: "note"}, "This machine's meter gave no figure a test.")); return; }
    const highest = Math.max(...values.map((one) => Math.max(one.peak, one.after)));
    const end = {...values[values.length - 1]};
    const line = [...values, {...end, place: end.next, name: undefined}];
    const x = (field, axis) => ({field, type: "quantitative", scale: {domain: [0, end.next], nice: false}, axis});
    const y = (field, axis) => ({field, type: "quantitative", scale: {zero: true}, axis});
    draw(node, {
      layer: [
        {data: {values: line}, mark: {type: "area", interpolate: "step-after", color: "var(--measured)", opacity: .13, aria: false}, encoding: {x: x("place", {title: "tests in the order they ran", tickMinStep: 1, format: "d", grid: false}), y: y("after", {title: null, labelExpr: sizeLabel, values: even(highest)})}},
        {data: {values: line}, mark: {type: "line", interpolate: "step-after", color: "var(--measured)", strokeWidth: 1.75, aria: false}, encoding: {x: x("place"), y: y("after")}},
        {data: {values}, mark: {type: "rule", color: "var(--predicted)", opacity: .75, strokeWidth: values.length > 200 ? 1 : 2, aria: false}, encoding: {x: x("middle"), y: y("after"), y2: {field: "peak"}}},
        {data: {values}, mark: {type: "bar", opacity: 0, aria: false}, encoding: {x: x("place"), x2: {field: "next"}, y: {value: 0}, y2: {value: "height"}, tooltip: {field: "name"}}},
      ],
    }, (one) => [`peak ${bytes(one.peak)}`, one.before !== null && one.before !== undefined ? `left behind ${bytes(one.after - one.before)}` : "", one.outcome].filter(Boolean));
  };

  if (measured) drawScatter($("#scatter"));
  addEventListener("scroll", () => { tip.hidden = true; }, {passive: true});
  const fromHash = () => { const named = /^#f(\d+)$/.exec(location.hash); if (named && table) goTo(Number(named[1])); };
  addEventListener("hashchange", fromHash);
  fromHash();
  document.documentElement.dataset.ready = "yes";
})();
