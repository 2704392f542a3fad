/** Hugging Face's names of the GLUE metrics. */
export const metricNames = ['accuracy', 'f1', 'matthews_correlation', 'pearson', 'spearmanr'] as const;

export type MetricName = (typeof metricNames)[number];
