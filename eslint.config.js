import js from "@eslint/js";
import globals from "globals";

const MARKUP = "User text never becomes HTML: build elements with h().";
const properties = ["innerHTML", "outerHTML", "insertAdjacentHTML", "setHTMLUnsafe"].map((property) => ({ property }));
const calls = ["write", "writeln"].map((property) => ({ object: "document", property }));
const markup = [...properties, ...calls].map((what) => ({ ...what, message: MARKUP }));

export default [
  { ignores: ["**/node_modules/", ".venv/", "studio/web/types.d.ts"] },
  js.configs.recommended,
  { linterOptions: { noInlineConfig: true, reportUnusedDisableDirectives: "off" } }, // no exceptions
  {
    files: ["studio/web/**/*.js"],
    languageOptions: { globals: globals.browser },
  },
  {
    files: ["tests/web/**/*.js"],
    languageOptions: { globals: globals.node },
  },
  {
    rules: {
      complexity: ["error", 12],
      eqeqeq: "error",
      "max-depth": ["error", 3],
      "max-lines": ["error", { max: 400 }],
      "max-lines-per-function": ["error", { max: 40, skipBlankLines: true, skipComments: true }],
      "max-params": ["error", 5],
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-restricted-properties": ["error", ...markup],
      "no-var": "error",
      "no-warning-comments": [
        "error",
        { terms: ["@ts-nocheck", "@ts-ignore", "@ts-expect-error"], location: "anywhere" },
      ],
      "object-shorthand": "error",
      "prefer-const": "error",
    },
  },
];
