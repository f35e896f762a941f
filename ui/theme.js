// The theme before the first paint; the page itself, which knows the settings, starts later.
document.documentElement.dataset.theme = localStorage.getItem("theme") ?? "system";
