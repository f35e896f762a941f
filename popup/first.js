// Shows the machines' names and states, as the background has left them (src/background/store.rs), before the page's program is there. It
// takes their place as soon as it is (src/page.rs).
(async () => {
  const { rows } = await (globalThis.browser ?? chrome).storage.session.get("rows");
  const place = document.getElementById("first");
  if (!place || !rows?.length) return;

  const element = (tag, name, ...content) => {
    const made = document.createElement(tag);
    made.className = name;
    made.append(...content);
    return made;
  };
  const machine = ([name, state]) => {
    const words = element("span", "machine-text", element("span", "machine-name", name), element("span", "machine-about", state));
    const open = element("div", "machine-open", element("span", "glyph"), words);
    return element("li", "machine", element("div", "machine-row", open));
  };
  const list = element("ul", "list", ...rows.map(machine));
  list.setAttribute("aria-label", "Machines");
  const head = element("div", "machines-head", element("h2", "", "Machines"));
  place.append(element("div", "launch"), element("section", "machines", head, list));
  performance.mark("machines-shown");
})();
