rule untile:
    input:
        predictions=f"{RESULTS}/predictions/{{group}}.parquet",
        tiles=f"{RESULTS}/tiles/{{group}}.parquet",
        rasters=f"{RESULTS}/scaled/{{group}}.parquet",
        # A checkout touches weights; their hash among the params tells whether they changed.
        weights=ancient(settings.model.weights) if settings.model else [],
    output:
        f"{RESULTS}/detections/{{group}}.parquet",
    log:
        f"{RESULTS}/logs/untile/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/untile/{{group}}.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(1000, 500),
        runtime=growing(10, 5),
    params:
        code_version=code_version("untile"),
        size_limits=settings.size_limits,
        enlarged=settings.enlarged,
        model=settings.model_weights,
        body=settings.body,
    message:
        "untile {wildcards.group}"
    script:
        "../scripts/untile.py"


rule suppress:
    input:
        group=f"{RESULTS}/detections/{{group}}.parquet",
        rings=lambda wildcards: tables_of(
            "detections", chain(*plan.rings(wildcards.group, settings.rings))
        ),
        calibration=ancient(settings.suppression.calibration or []),
        weights=ancient(settings.model.weights) if settings.model else [],
    output:
        f"{RESULTS}/suppressed/{{group}}.parquet",
    log:
        f"{RESULTS}/logs/suppress/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/suppress/{{group}}.tsv"
    conda:
        "../../envs/rasters.yaml"
    threads: 2
    resources:
        mem_mb=growing(1000, 500),
        runtime=growing(10, 5),
    params:
        code_version=code_version("suppress"),
        plan=PLAN,
        nms_settings=settings.nms_settings,
        row_confidence=settings.row_confidence,
        model=settings.model_weights,
        user_files=lambda wildcards: user_files(settings.suppression.calibration),
        body=settings.body,
    message:
        "suppress {wildcards.group}"
    script:
        "../scripts/suppress.py"
