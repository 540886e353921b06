// The module build of wgsl_reflect has no types of its own beside it.
declare module "wgsl_reflect/wgsl_reflect.module.js" {
  export * from "wgsl_reflect";
}
