rule catalogue:
    input:
        suppressed=all_tables("suppressed"),
        detections=all_tables("detections"),
        tiles=all_tables("tiles"),
    output:
        # Written last. It names all other files: where one is gone, the Snakefile withdraws it.
        MANIFEST,
    log:
        f"{RESULTS}/logs/catalogue.log",
    benchmark:
        f"{RESULTS}/benchmarks/catalogue.tsv"
    conda:
        "../../envs/rasters.yaml"
    threads: 8
    resources:
        mem_mb=growing(3000),
        runtime=growing(20, 1),
    params:
        code_version=code_version("catalogue"),
        nms_settings=settings.nms_settings,
        row_confidence=settings.row_confidence,
        score_choice=settings.score_choice,
        model=settings.model_weights,
        user_files=lambda wildcards: user_files(settings.suppression.calibration),
        vectors=settings.vectors.model_dump(),
        body=settings.body,
        origin=settings.origin,
        plan=PLAN,
        unplanned=[scene.scene for scene in plan.unplanned],
        allow_failures=settings.allow_failures,
    message:
        "catalogue of the whole run"
    script:
        "../scripts/catalogue.py"


rule overview:
    input:
        catalogue=MANIFEST,
        rasters=all_tables("scaled"),
    output:
        report(f"{RESULTS}/catalogue/craters.png", category="What was found"),
    log:
        f"{RESULTS}/logs/overview.log",
    benchmark:
        f"{RESULTS}/benchmarks/overview.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        code_version=code_version("overview"),
        unmapped_scenes=unmapped_scenes(),
        body=settings.body,
    message:
        "picture of the whole run"
    script:
        "../scripts/overview.py"


rule completeness:
    input:
        catalogue=MANIFEST,
        rasters=all_tables("scaled"),
        tiles=all_tables("tiles"),
    output:
        # Written last, as that of the catalogue.
        COMPLETENESS,
    log:
        f"{RESULTS}/logs/completeness.log",
    benchmark:
        f"{RESULTS}/benchmarks/completeness.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(3000),
        runtime=growing(60),
    params:
        code_version=code_version("completeness"),
        row_confidence=settings.row_confidence,
        score_choice=settings.score_choice,
        user_files=lambda wildcards: user_files(settings.suppression.calibration),
        formats=settings.vectors.formats,
        enlarged=settings.enlarged,
        unmapped_scenes=unmapped_scenes(),
        body=settings.body,
    message:
        "searched footprints of the whole run"
    script:
        "../scripts/completeness.py"
