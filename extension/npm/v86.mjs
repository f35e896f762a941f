// What src/machine/v86.rs binds.
export { V86 } from "v86";
