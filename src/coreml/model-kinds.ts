// https://github.com/apple/coremltools/blob/9.0/mlmodel/format/Model.proto: what a Core ML model may be besides a program.

/** Another kind of model: its field in a specification, and what it is called. */
interface ModelKind {
  readonly field: number;
  readonly name: string;
  readonly hint?: string;
}

const network = (field: number, name: string): ModelKind => ({
  field,
  name,
  hint: 'convert its source again; coremltools writes an ML Program with convert_to="mlprogram"',
});
const pipeline = (field: number, name: string): ModelKind => ({
  field,
  name,
  hint: "save each of its models as a package, and give one that is an ML Program",
});
const kind = (field: number, name: string): ModelKind => ({ field, name });

/** By the name of the field. */
export const otherModels: Readonly<Record<string, ModelKind>> = {
  pipelineClassifier: pipeline(200, "a pipeline classifier"),
  pipelineRegressor: pipeline(201, "a pipeline regressor"),
  pipeline: pipeline(202, "a pipeline"),
  glmRegressor: kind(300, "a generalized linear regressor"),
  supportVectorRegressor: kind(301, "a support vector regressor"),
  treeEnsembleRegressor: kind(302, "a tree ensemble regressor"),
  neuralNetworkRegressor: network(303, "a NeuralNetwork regressor"),
  bayesianProbitRegressor: kind(304, "a Bayesian probit regressor"),
  glmClassifier: kind(400, "a generalized linear classifier"),
  supportVectorClassifier: kind(401, "a support vector classifier"),
  treeEnsembleClassifier: kind(402, "a tree ensemble classifier"),
  neuralNetworkClassifier: network(403, "a NeuralNetwork classifier"),
  kNearestNeighborsClassifier: kind(404, "a nearest neighbours classifier"),
  neuralNetwork: network(500, "a NeuralNetwork"),
  itemSimilarityRecommender: kind(501, "an item similarity recommender"),
  customModel: kind(555, "a custom model"),
  linkedModel: kind(556, "a linked model"),
  classConfidenceThresholding: kind(560, "a class confidence thresholding"),
  oneHotEncoder: kind(600, "a one-hot encoder"),
  imputer: kind(601, "an imputer"),
  featureVectorizer: kind(602, "a feature vectorizer"),
  dictVectorizer: kind(603, "a dictionary vectorizer"),
  scaler: kind(604, "a scaler"),
  categoricalMapping: kind(606, "a categorical mapping"),
  normalizer: kind(607, "a normalizer"),
  arrayFeatureExtractor: kind(609, "an array feature extractor"),
  nonMaximumSuppression: kind(610, "a non-maximum suppression"),
  identity: kind(900, "an identity"),
  textClassifier: kind(2000, "a text classifier"),
  wordTagger: kind(2001, "a word tagger"),
  visionFeaturePrint: kind(2002, "a vision feature print"),
  soundAnalysisPreprocessing: kind(2003, "a sound analysis preprocessing"),
  gazetteer: kind(2004, "a gazetteer"),
  wordEmbedding: kind(2005, "a word embedding"),
  audioFeaturePrint: kind(2006, "an audio feature print"),
  serializedModel: kind(3000, "a serialized model"),
};
