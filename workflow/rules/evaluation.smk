rule evaluate:
    input:
        catalogue=MANIFEST,
        truth=needed_files("evaluation.truth", settings.evaluation.truth),
        rasters=all_tables("scaled"),
    output:
        metrics=f"{RESULTS}/evaluation/metrics.json",
        plot=report(
            f"{RESULTS}/evaluation/metrics.png", category="Compared with the truth"
        ),
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
        user_files=lambda wildcards: user_files(settings.evaluation.truth),
        truth_columns=settings.truth_columns,
        unmapped_scenes=unmapped_scenes(),
        match_criteria=settings.match_criteria,
        score_threshold=settings.score_threshold,
        enlarged=settings.enlarged,
        body=settings.body,
    message:
        "evaluate against {input.truth}"
    script:
        "../scripts/evaluate.py"


rule calibrate:
    input:
        detections=all_tables("detections"),
        tiles=all_tables("tiles"),
        truth=needed_files("evaluation.truth", settings.evaluation.truth),
        rasters=all_tables("scaled"),
    output:
        calibration=f"{RESULTS}/calibration/calibration.json",
        picture=report(
            f"{RESULTS}/calibration/calibration.png", category="What scores are worth"
        ),
    log:
        f"{RESULTS}/logs/calibrate.log",
    benchmark:
        f"{RESULTS}/benchmarks/calibrate.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        code_version=code_version("calibrate"),
        user_files=lambda wildcards: user_files(settings.evaluation.truth),
        truth_columns=settings.truth_columns,
        unmapped_scenes=unmapped_scenes(),
        match_criteria=settings.match_criteria,
        nms_settings=plain_errors(lambda wildcards: settings.calibration_nms_settings),
        model=settings.model_weights,
        enlarged=settings.enlarged,
        body=settings.body,
        plan=PLAN,
        allow_failures=settings.allow_failures,
    message:
        "calibrate scores by {input.truth}"
    script:
        "../scripts/calibrate.py"


rule annotate:
    input:
        rasters=f"{RESULTS}/scaled/{{group}}.parquet",
        catalogue=([] if settings.annotation.craters else MANIFEST),
        craters=(
            ancient(settings.annotation.craters) if settings.annotation.craters else []
        ),
        truth=ancient(settings.evaluation.truth) if settings.evaluation.truth else [],
    output:
        # The list of the pictures, written last.
        f"{RESULTS}/annotated/{{group}}.json",
    log:
        f"{RESULTS}/logs/annotate/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/annotate/{{group}}.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(30, 10),
    params:
        code_version=code_version("annotate"),
        user_files=lambda wildcards: user_files(
            settings.annotation.craters, settings.evaluation.truth
        ),
        craters_columns=settings.annotation_columns,
        enlarged=settings.enlarged,
        truth_columns=settings.truth_columns,
        unmapped_scenes=unmapped_scenes(),
        match_criteria=settings.match_criteria,
        body=settings.body,
    message:
        "annotate {wildcards.group}"
    script:
        "../scripts/annotate.py"
