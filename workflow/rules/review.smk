rule contact_sheets:
    input:
        catalogue=MANIFEST,
        detections=all_tables("detections"),
        rasters=all_tables("scaled"),
    output:
        # It names the pages, of which there are as many as have any craters.
        manifest=f"{RESULTS}/contact_sheets/contact_sheets.json",
        table=f"{RESULTS}/contact_sheets/craters.csv",
    log:
        f"{RESULTS}/logs/contact_sheets.log",
    benchmark:
        f"{RESULTS}/benchmarks/contact_sheets.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(3000),
        runtime=growing(60),
    params:
        code_version=code_version("contact_sheets"),
        size_limits=settings.size_limits,
        enlarged=settings.enlarged,
        overlap=dict(
            iou_threshold=settings.suppression.iou_threshold,
            scenes_apart=settings.pixel_coordinates,
        ),
    message:
        "contact sheets of the catalogue"
    script:
        "../scripts/contact_sheets.py"


rule judging:
    input:
        catalogue=MANIFEST,
    output:
        # Beside it lies judge.gpkg, which people write into: it is no output, or it would be deleted.
        manifest=f"{RESULTS}/judging/judging.json",
    log:
        f"{RESULTS}/logs/judging.log",
    benchmark:
        f"{RESULTS}/benchmarks/judging.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(3000),
        runtime=growing(30),
    params:
        code_version=code_version("judging"),
        rows=settings.review.rows,
        seed=settings.review.seed,
        vectors=settings.vectors.model_dump(),
    message:
        "layer to judge in QGIS"
    script:
        "../scripts/judging.py"


rule review:
    input:
        catalogue=MANIFEST,
        judgements=needed_files("review.judgements", settings.review.judgements or None),
        searched=ancient(settings.review.searched) if settings.review.searched else [],
    output:
        summary=f"{RESULTS}/review/review.json",
        corrected=f"{RESULTS}/review/corrected.csv",
        labels=f"{RESULTS}/review/labels.csv",
    log:
        f"{RESULTS}/logs/review.log",
    benchmark:
        f"{RESULTS}/benchmarks/review.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(3000),
        runtime=growing(60),
    params:
        code_version=code_version("review"),
        user_files=lambda wildcards: user_files(
            *settings.review.judgements, settings.review.searched
        ),
        review_choice=settings.review_choice,
        vectors=settings.vectors.model_dump(),
    message:
        "read judgements back"
    script:
        "../scripts/review.py"
