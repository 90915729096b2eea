import type { Metadata } from "../coreml/package.ts";
import type { Plan } from "../plan.ts";

/** What travels with a package: the keys apps built on the 2023 exporter read, and the plan it can be made again from. */
export function metadataOf(plan: Plan): Metadata {
  const { about, model, task } = plan;
  const isClassifier = plan.classifier !== undefined;
  const userDefined: readonly (readonly [string, string | undefined])[] = [
    ["co.huggingface.exporters.name", model.name],
    ["co.huggingface.exporters.task", task],
    ["co.huggingface.exporters.architecture", model.modelType],
    ["co.huggingface.exporters.framework", "pytorch"],
    ["co.huggingface.exporters.precision", plan.precision],
    ["transformers_version", model.transformersVersion],
    ["coreml-export.version", plan.tool.version],
    ["coreml-export.source_revision", model.revision],
    ["coreml-export.weights_sha256", model.weightsSha256],
    ["coreml-export.plan", JSON.stringify(plan)],
    ["classes", isClassifier ? undefined : plan.labels?.join(",")],
    ["coreml-export.classes", isClassifier || !plan.labels ? undefined : JSON.stringify(plan.labels)],
  ];
  return {
    shortDescription: `${model.name} (${task})`,
    ...(about.author ? { author: about.author } : {}),
    ...(about.license ? { license: about.license } : {}),
    ...(about.version ? { versionString: about.version } : {}),
    userDefined: new Map(userDefined.filter((e): e is readonly [string, string] => e[1] !== undefined)),
  };
}
