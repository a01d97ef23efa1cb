rule evaluate:
    input:
        craters=f"{RESULTS}/catalogue/craters.parquet",
        truth=lambda wildcards: required_setting(
            "evaluation.truth", settings.evaluation.truth
        ),
        rasters=expand(f"{RESULTS}/scaled/{{group}}.parquet", group=plan.groups),
    output:
        metrics=f"{RESULTS}/evaluation/metrics.json",
        plot=f"{RESULTS}/evaluation/metrics.png",
    log:
        f"{RESULTS}/logs/evaluate.log",
    benchmark:
        f"{RESULTS}/benchmarks/evaluate.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        code_version=code_version("evaluate"),
        match_criteria=settings.match_criteria,
        body=settings.body,
    message:
        "evaluate against {input.truth}"
    script:
        "../scripts/evaluate.py"


rule annotate:
    input:
        rasters=lambda wildcards: f"{RESULTS}/scaled/{plan.group_of(wildcards.scene)}.parquet",
        craters=settings.annotation.craters or f"{RESULTS}/catalogue/craters.parquet",
        truth=settings.evaluation.truth or [],
    output:
        f"{RESULTS}/annotated/{{scene}}.png",
    log:
        f"{RESULTS}/logs/annotate/{{scene}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/annotate/{{scene}}.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        code_version=code_version("annotate"),
        match_criteria=settings.match_criteria,
        body=settings.body,
    message:
        "annotate {wildcards.scene}"
    script:
        "../scripts/annotate.py"
