rule stitch:
    input:
        predictions=f"{RESULTS}/predictions/{{group}}.parquet",
        tiles=f"{RESULTS}/tiles/{{group}}.parquet",
        scaled=f"{RESULTS}/scaled/{{group}}.parquet",
    output:
        f"{RESULTS}/stitched/{{group}}.parquet",
    log:
        f"{RESULTS}/logs/stitch/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/stitch/{{group}}.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(3000),
        runtime=growing(10, 15),
    params:
        code_version=code_version("stitch"),
        tile_sizes=settings.tile_sizes,
        folder=f"{RESULTS}/probability",
    message:
        "stitch {wildcards.group}"
    script:
        "../scripts/stitch.py"


rule classify:
    input:
        stitched=f"{RESULTS}/stitched/{{group}}.parquet",
        lenders=lender_tables("stitched"),
        weights=ancient(settings.model.weights) if settings.model else [],
    output:
        f"{RESULTS}/classified/{{group}}.parquet",
    log:
        f"{RESULTS}/logs/classify/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/classify/{{group}}.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(3000),
        runtime=growing(10, 15),
    params:
        code_version=code_version("classify"),
        class_choice=settings.class_choice,
        body=settings.body,
        folder=f"{RESULTS}/classes",
    message:
        "classify {wildcards.group}"
    script:
        "../scripts/classify.py"


# Where classes exclude each other, their rasters are what is outlined, and belong to the map.
EXCLUSIVE = settings.mapping.classes_exclude_each_other


rule outline:
    input:
        stitched=f"{RESULTS}/stitched/{{group}}.parquet",
        lenders=lender_tables("stitched"),
        classified=lambda wildcards: (
            [
                f"{RESULTS}/classified/{wildcards.group}.parquet",
                *lender_tables("classified")(wildcards),
            ]
            if EXCLUSIVE
            else []
        ),
        weights=ancient(settings.model.weights) if settings.model else [],
    output:
        f"{RESULTS}/outlines/{{group}}.parquet",
    log:
        f"{RESULTS}/logs/outline/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/outline/{{group}}.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(3000, 200),
        runtime=growing(10, 30),
    params:
        code_version=code_version("outline"),
        outline_settings=settings.outline_settings,
        folder=f"{RESULTS}/work/outline",
    message:
        "outline {wildcards.group}"
    script:
        "../scripts/outline.py"


AREAS = [
    path
    for path in (
        settings.mapping.inside,
        settings.mapping.outside,
        settings.mapping.seams,
    )
    if path
]


CLASSIFIED = [
    f"{RESULTS}/classified/{group}.parquet" for group in plan.groups if EXCLUSIVE
]


rule assemble_map:
    input:
        outlines=all_tables("outlines"),
        stitched=all_tables("stitched"),
        classified=CLASSIFIED,
        areas=[ancient(path) for path in AREAS],
        calibration=ancient(settings.mapping.calibration or []),
    output:
        **({"class_areas": f"{RESULTS}/map/class_areas.csv"} if EXCLUSIVE else {}),
        # Written last. It names all files of the map: where one is gone, the Snakefile withdraws it.
        manifest=MANIFEST,
        summary=f"{RESULTS}/map/summary.csv",
        rose=report(f"{RESULTS}/map/rose.png", category="What was found"),
    log:
        f"{RESULTS}/logs/assemble_map.log",
    benchmark:
        f"{RESULTS}/benchmarks/assemble_map.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(3000, 10),
        runtime=growing(20, 2),
    params:
        code_version=code_version("assemble_map"),
        user_files=lambda wildcards: user_files(*AREAS, settings.mapping.calibration),
        polygon_filters=settings.polygon_filters,
        pixel_calibration=settings.pixel_calibration,
        accepted_errors=settings.mapping.accepted_errors,
        outline_settings=settings.outline_settings,
        files=settings.vectors.model_dump(include={"formats", "rows_per_file"}),
        scenes_apart=settings.pixel_coordinates,
        body=settings.body,
        origin=settings.origin,
        plan=PLAN,
        unplanned=[scene.scene for scene in plan.unplanned],
        allow_failures=settings.allow_failures,
    message:
        "polygons and lines of the whole run"
    script:
        "../scripts/assemble_map.py"


rule overview_map:
    input:
        manifest=MANIFEST,
        rasters=all_tables("scaled"),
    output:
        report(f"{RESULTS}/map/map.png", category="What was found"),
    log:
        f"{RESULTS}/logs/overview_map.log",
    benchmark:
        f"{RESULTS}/benchmarks/overview_map.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        code_version=code_version("overview_map"),
        unmapped_scenes=unmapped_scenes(),
        body=settings.body,
    message:
        "picture of the whole map"
    script:
        "../scripts/overview_map.py"


rule evaluate_map:
    input:
        manifest=MANIFEST,
        truth=needed_files("evaluation.truth", settings.evaluation.truth),
        scaled=all_tables("scaled"),
        stitched=all_tables("stitched"),
        classified=CLASSIFIED,
        weights=ancient(settings.model.weights) if settings.model else [],
    output:
        metrics=f"{RESULTS}/evaluation/metrics.json",
        plot=report(
            f"{RESULTS}/evaluation/metrics.png", category="Compared with the truth"
        ),
    log:
        f"{RESULTS}/logs/evaluate_map.log",
    benchmark:
        f"{RESULTS}/benchmarks/evaluate_map.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60, 20),
    params:
        code_version=code_version("evaluate_map"),
        user_files=lambda wildcards: user_files(
            settings.evaluation.truth, *masks_in(settings.evaluation.truth)
        ),
        unmapped_scenes=unmapped_scenes(),
        map_comparison=settings.map_comparison,
        body=settings.body,
    message:
        "evaluate the map against {input.truth}"
    script:
        "../scripts/evaluate_map.py"


rule calibrate_map:
    input:
        stitched=all_tables("stitched"),
        truth=ancient(plain_errors(vector_truth)),
    output:
        calibration=f"{RESULTS}/calibration/calibration.json",
        picture=report(
            f"{RESULTS}/calibration/calibration.png", category="What scores are worth"
        ),
    log:
        f"{RESULTS}/logs/calibrate_map.log",
    benchmark:
        f"{RESULTS}/benchmarks/calibrate_map.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60, 20),
    params:
        code_version=code_version("calibrate_map"),
        user_files=lambda wildcards: user_files(settings.evaluation.truth),
        unmapped_scenes=unmapped_scenes(),
        label_fields=settings.label_fields,
        model=settings.model_weights,
        body=settings.body,
    message:
        "calibrate pixels by {input.truth}"
    script:
        "../scripts/calibrate_map.py"


rule calibrate:
    input:
        rules.calibrate_map.output,
    localrule: True
    message:
        "what the probabilities of pixels are worth"


rule annotate_map:
    input:
        **(
            {"classified": f"{RESULTS}/classified/{{group}}.parquet"}
            if EXCLUSIVE
            else {}
        ),
        scaled=f"{RESULTS}/scaled/{{group}}.parquet",
        stitched=f"{RESULTS}/stitched/{{group}}.parquet",
        manifest=MANIFEST,
    output:
        # The list of the pictures, written last.
        f"{RESULTS}/annotated/{{group}}.json",
    log:
        f"{RESULTS}/logs/annotate_map/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/annotate_map/{{group}}.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(30, 10),
    params:
        code_version=code_version("annotate_map"),
        unmapped_scenes=unmapped_scenes(),
        body=settings.body,
    message:
        "annotate {wildcards.group} with the map"
    script:
        "../scripts/annotate_map.py"
