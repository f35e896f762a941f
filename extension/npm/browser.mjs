// The pages' Rust calls `browser.*` with promises, the same in Chrome and in Firefox.
import browser from "webextension-polyfill";

globalThis.browser = browser;
