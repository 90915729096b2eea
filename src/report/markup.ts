/** Characters XML 1.0 does not allow (https://www.w3.org/TR/xml/#charsets), and the C1 controls it discourages. */
const forbidden = /(?![\t\n\r])\p{Cc}|\p{Cs}|[\ufffe\uffff]/gu;

const references: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text for XML and HTML, inside an element or a quoted attribute. */
export const markupText = (text: string): string =>
  text.replace(forbidden, "\ufffd").replace(/[&<>"']/g, (c) => references[c] ?? c);
